"""A service that `bench load` has started, and what is measured of it from outside."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.measure import WrongResult, rounded
from benchmarks.process import children_rss_mib, rss_mib

SEEN_EVERY_S = 1.0
STALL_MS = 100.0
MAXIMA = {"places": "max_places", "line": "max_line", "ingestions": "max_ingestions"}


@dataclass
class ServiceSamples:
    """What was measured of a service over some time."""

    reports: list[dict[str, float]] = field(default_factory=list)
    """What it reported."""
    at_s: list[float] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)
    milvus_rss_mib: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the part of a side's JSON that the module `load` describes."""
        stalls = [one["max_stall_ms"] for one in self.reports]
        return {
            "rss_mib": _memory(self.at_s, self.rss_mib),
            "milvus_rss_mib": _memory(self.at_s, self.milvus_rss_mib),
            "max_stall_ms": rounded(max(stalls)),
            "stalls_over_100": sum(ms > STALL_MS for ms in stalls),
            "busiest_ms": rounded(max(one["busiest_ms"] for one in self.reports)),
            **{
                name: max((int(one[key]) for one in self.reports if key in one), default=None)
                for key, name in MAXIMA.items()
            },
        }


class ServiceProcess:
    """A service in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process
        self._watch: ServiceSamples | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[ServiceSamples]:
        """Measure it until the end of this context."""
        self._watch = watch = ServiceSamples()
        seeing = asyncio.create_task(self._see(watch))
        try:
            yield watch
        finally:
            self._watch = None
            seeing.cancel()
            await asyncio.gather(seeing, return_exceptions=True)

    async def listen(self) -> None:
        """Read what it reports, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if self._watch is not None:
                self._watch.reports.append(json.loads(line))

    async def _see(self, watch: ServiceSamples) -> None:
        pid = self._process.pid
        while True:
            own, below = await asyncio.to_thread(lambda: (rss_mib(pid), children_rss_mib(pid)))
            watch.at_s.append(perf_counter())
            watch.rss_mib.append(own)
            watch.milvus_rss_mib.append(below)
            await asyncio.sleep(SEEN_EVERY_S)


@asynccontextmanager
async def start_service(spec: dict[str, Any], log: Path) -> AsyncIterator[ServiceProcess]:
    """Start a side, and stop it at the end; its log goes to a file.

    Raises:
        WrongResult: it did not start; the error has its last line.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.load.side", json.dumps(spec)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
        )
    assert process.stdout is not None
    try:
        first = await process.stdout.readline()
        if not first:
            raise WrongResult(f"{spec['side']} did not serve: {_last_line(log)}")
        service = ServiceProcess(process, json.loads(first)["url"])
        listening = asyncio.create_task(service.listen())
        try:
            yield service
        finally:
            _stop(process)
            await listening
    finally:
        _stop(process)
        await process.wait()


def _stop(process: asyncio.subprocess.Process) -> None:
    """Stop it in order: it ends its Milvus Lite."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)  # `send_signal` would take its end from the loop


def _last_line(log: Path) -> str:
    return "".join(log.read_text("utf-8", errors="replace").splitlines()[-1:])


def _memory(at_s: list[float], mib: list[float]) -> dict[str, float]:
    half = len(mib) // 2
    return {
        "start": rounded(mib[0]),
        "end": rounded(mib[-1]),
        "max": rounded(max(mib)),
        "per_minute": rounded(60 * _slope(at_s[half:], mib[half:])),
    }


def _slope(at: list[float], values: list[float]) -> float:
    """The slope of the line nearest to all of them."""
    middle, mean = sum(at) / len(at), sum(values) / len(values)
    over = sum((x - middle) ** 2 for x in at)
    if not over:
        return 0.0
    return sum((x - middle) * (y - mean) for x, y in zip(at, values, strict=True)) / over
