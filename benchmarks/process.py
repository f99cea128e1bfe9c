"""The memory of a process and of its children, and how long an event loop was kept busy."""

import asyncio
import os
import re
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter, thread_time

MIB = 2**20
TICK_S = 0.005


def peak_rss_mib() -> float:
    """Return the largest resident memory this process has had, in MiB.

    Linux's VmHWM: what `getrusage` says includes the memory of the parent before the exec.
    """
    found = _status_kib(os.getpid(), "VmHWM")
    if found is None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / MIB if sys.platform == "darwin" else peak / 1024
    return found / 1024


def children_peak_rss_mib() -> float:
    """Return the same for the processes below this one, Milvus Lite's; 0 where none can be seen."""
    return sum(_status_kib(child, "VmHWM") or 0 for child in _below(os.getpid())) / 1024


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process, in MiB; 0 if there is none."""
    return (_status_kib(pid, "VmRSS") or 0) / 1024


def children_rss_mib(pid: int) -> float:
    """Return the same for all processes below it."""
    return sum(map(rss_mib, _below(pid)))


class Stall:
    """How late a tick of `TICK_S` came, at worst."""

    longest_s: float = 0.0
    busiest_s: float = 0.0
    """Most processor time of the loop's thread between two ticks: what of it was its own work, and
    no wait for the interpreter's lock or for a processor."""


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Stall]:
    """Watch the running event loop: a callback that keeps it busy makes the next tick late."""
    stall = Stall()

    async def tick() -> None:
        while True:
            expected, used = perf_counter() + TICK_S, thread_time()
            await asyncio.sleep(TICK_S)
            stall.longest_s = max(stall.longest_s, perf_counter() - expected)
            stall.busiest_s = max(stall.busiest_s, thread_time() - used)

    ticking = asyncio.create_task(tick())
    try:
        yield stall
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking


def _below(parent: int) -> Iterator[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in parentheses, may hold anything.
            parents[int(stat.parent.name)] = int(
                stat.read_text("utf-8").rpartition(")")[2].split()[1]
            )
    found = {parent}
    while new := {pid for pid, above in parents.items() if above in found} - found:
        found |= new
        yield from new


def _status_kib(pid: int, key: str) -> int | None:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
        if match := re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE):
            return int(match[1])
    return None
