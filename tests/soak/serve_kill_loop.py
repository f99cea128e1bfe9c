"""Kill a service under load (kill -9) at random moments: is what it acknowledged there afterwards?

    python -m tests.soak.serve_kill_loop --cycles 100 --seed 1

In each cycle askers ask, uploaders upload, replace and delete files, and the folder is ingested,
until the service is killed. In a quarter of the cycles the next service is killed as well, while it
starts. The one after that must get ready, finish every acknowledged ingestion, hold the last
acknowledged version of every file, and nothing half-written. At the end the whole
folder is ingested, and every row compared with it (`Mirror`).
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import httpx

from tests.soak.ingester import CHUNK_TOKENS, OVERLAP_TOKENS, Run, Victim
from tests.soak.kill_loop import percentile
from tests.soak.mirror import Mirror
from tests.soak.service_host import ServiceHost
from tests.soak.service_work import Work, Wrong, kinds

READY_S, ENDED_S, ANSWER_S = 60.0, 60.0, 30.0
"""Longest waits for a service to get ready, for its ingestions to end, and for one answer."""
OVERTAKEN = "changed while it was read", "vanished while it was read", "is not there any more"
"""Reasons why an ingestion skipped a file that was replaced or deleted meanwhile."""
ENDED = {"done", "failed", "cancelled"}


@dataclass
class Figures:
    """The figures of a loop."""

    seed: int
    cycles: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """Kills by victim and moment."""
    work: Counter[str] = field(default_factory=Counter)
    """Acknowledgements and answers under load."""
    ended: Counter[str] = field(default_factory=Counter)
    """Acknowledged ingestions, by how they ended."""
    stuck: int = 0
    """Acknowledged ingestions that did not end."""
    not_ready: int = 0
    """Services that did not get ready, or did not answer."""
    drafts: int = 0
    """Partial uploads that were left."""
    left_running: int = 0
    """Killed services with a process that went on."""
    wrong: list[str] = field(default_factory=list)
    """What differed from its acknowledgement, and forbidden answers."""
    ready_s: list[float] = field(default_factory=list)
    """From the start of a service after a kill until it is ready."""
    settled_s: list[float] = field(default_factory=list)
    """From the start until all acknowledged work has ended."""
    seconds: float = 0.0

    @property
    def bad(self) -> dict[str, Any]:
        """The figures that must be zero, if they are not."""
        names = "stuck", "not_ready", "drafts", "left_running", "wrong"
        return {name: value for name in names if (value := getattr(self, name))}

    def to_json(self) -> dict[str, Any]:
        """Return the figures with percentiles for the lists of seconds."""
        seconds = {
            name: {"p50": percentile(values, 50), "p95": percentile(values, 95)}
            for name, values in (("ready_s", self.ready_s), ("settled_s", self.settled_s))
        }
        return {**vars(self), **seconds, "seconds": round(self.seconds, 1)}


class ServeKillLoop:
    """Kills and restarts a service over a Milvus Lite file in `folder`.

    Args:
        longest_load_s: of a cycle, before the kill.
    """

    def __init__(
        self,
        host: ServiceHost,
        folder: Path,
        *,
        seed: int,
        longest_load_s: float = 2.0,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._random = Random(seed)  # noqa: S311  to be had again
        self._root = (folder / "documents").resolve()
        self._root.mkdir(parents=True)
        # Where nothing is, there is nothing to ingest.
        (self._root / "always.txt").write_text("This file is always there.\n")
        self._longest_load_s = longest_load_s
        self._log = folder / "service.log"
        self._settings: dict[str, Any] = {
            "milvus_uri": str(folder / "milvus.db"),
            "collection": "served",
            "root": str(self._root),
            "requests_per_minute": 0,
            "chunk_tokens": CHUNK_TOKENS,
            "chunk_overlap_tokens": OVERLAP_TOKENS,
        }
        self._work = kinds(self._root, self._random)
        self._progress = progress
        self.figures = Figures(seed)

    async def run(self, cycles: int) -> Figures:
        """Kill a service `cycles` times, and a last one in order."""
        began = monotonic()
        service = await self._back()
        while service is not None and self.figures.cycles < cycles:
            await self._killed_under_load(service)
            self.figures.cycles += 1
            while self._random.random() < 0.25:
                await self._killed_as_it_starts()
            service = await self._back()
            self._progress(
                f"{self.figures.cycles} of {cycles}: {self.figures.ended['done']} ingestions done, "
                f"{len(self.figures.wrong)} wrong, {self.figures.stuck} stuck"
            )
        if service is not None:
            await self._compared_with_the_folder(service)
        for one in self._work:
            self.figures.work += one.counts
        self.figures.seconds = monotonic() - began
        return self.figures

    async def _killed_under_load(self, service: Run) -> None:
        async with _client(service) as client:
            working = [asyncio.create_task(self._keep_at(one, client)) for one in self._work]
            await asyncio.sleep(self._random.uniform(0.02, self._longest_load_s))
            self._kill(service, "under load")
            await asyncio.gather(*working)
        await self._dead(service)

    async def _keep_at(self, work: Work, client: httpx.AsyncClient) -> None:
        try:
            while True:
                await work.do(client)
        except Wrong as wrong:
            self.figures.wrong.append(f"cycle {self.figures.cycles + 1}: {wrong}")
        except httpx.HTTPError:
            pass  # killed

    async def _killed_as_it_starts(self) -> None:
        service = await asyncio.to_thread(self._host.start, self._log, **self._settings)
        await asyncio.sleep(self._random.uniform(0, 1))
        self._kill(service, "starting")
        await self._dead(service)

    def _kill(self, service: Run, moment: str) -> None:
        victim: Victim = self._random.choice(["program", "program and Lite"])
        service.kill(victim)
        self.figures.kills[f"{victim}, {moment}"] += 1

    async def _dead(self, service: Run) -> None:
        await asyncio.to_thread(service.wait)
        left = not await asyncio.to_thread(service.leaves_nothing_running)
        self.figures.left_running += left

    async def _back(self) -> Run | None:
        """Start a service and judge it when it is settled; None if it does not get ready."""
        began = monotonic()
        service = await asyncio.to_thread(self._host.start, self._log, **self._settings)
        await asyncio.to_thread(service.serves, READY_S)
        if not service.url or not await _becomes(lambda: self._is_ready(service), READY_S):
            self.figures.not_ready += 1
            service.kill("program and Lite")
            await self._dead(service)
            return None
        if self.figures.cycles:  # before that, everything is imported first
            self.figures.ready_s.append(monotonic() - began)
        async with _client(service) as client:
            if not await _becomes(lambda: self._have_ended(client), ENDED_S):
                self.figures.stuck += sum(len(one.ingestions) for one in self._work)
            if self.figures.cycles:
                self.figures.settled_s.append(monotonic() - began)
            for one in self._work:
                for wrong in await one.judge(client):
                    self.figures.wrong.append(f"cycle {self.figures.cycles}: {wrong}")
        self.figures.drafts += sum(1 for _ in self._root.glob(".alir-upload-*"))
        return service

    async def _is_ready(self, service: Run) -> bool:
        with suppress(httpx.HTTPError):
            async with _client(service) as client:
                return (await client.get("/health/ready")).status_code == 200
        return False

    async def _have_ended(self, client: httpx.AsyncClient) -> bool:
        """Check the acknowledged ingestions that were not seen to end."""
        for work in self._work:
            for id_ in [*work.ingestions]:
                answer = await client.get(f"/v1/ingestions/{id_}")
                if answer.status_code != 200:
                    self.figures.wrong.append(f"ingestion {id_}: {answer.status_code}")
                    work.ingestions.discard(id_)
                elif (told := answer.json())["state"] in ENDED:
                    self.figures.ended[told["state"]] += 1
                    work.ingestions.discard(id_)
                    if failed := _failed(told):
                        self.figures.wrong.append(f"{told['paths']} failed: {failed}")
                else:
                    return False
        return True

    async def _compared_with_the_folder(self, service: Run) -> None:
        async with _client(service) as client:
            begun = await client.post("/v1/ingestions", json={"paths": ["."], "delete_many": True})
            where = begun.headers["location"]

            async def has_ended() -> bool:
                return (await client.get(where)).json()["state"] in ENDED

            self.figures.stuck += not await _becomes(has_ended, ENDED_S)
            if failed := (await client.get("/v1/sources")).json()["failed"]:
                self.figures.wrong.append(f"files are still said to have failed: {failed}")
        service.stop()
        await self._dead(service)
        mirror = Mirror(
            self._settings["milvus_uri"],
            self._settings["collection"],
            chunk_tokens=CHUNK_TOKENS,
            chunk_overlap_tokens=OVERLAP_TOKENS,
        )
        if found := await asyncio.to_thread(mirror.divergence, self._root):
            self.figures.wrong.append(f"the index is not the folder: {found}")


def _failed(told: dict[str, Any]) -> list[str]:
    """What an ingestion could not do, but for files that were replaced or deleted meanwhile: the
    upload or the deletion has an ingestion of its own, which follows.
    """
    if told["problem"]:
        return [told["problem"]["detail"]]
    failed = told["report"].get("failed", [])
    return [one["reason"] for one in failed if not one["reason"].startswith(OVERTAKEN)]


def _client(service: Run) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.url, timeout=ANSWER_S)


async def _becomes(is_so: Callable[[], Any], longest_s: float) -> bool:
    deadline = monotonic() + longest_s
    while not await is_so():
        if monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def main() -> int:
    """Run the loop and print the figures; 1 if anything was lost, stuck or left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="alir-kill-") as name, ServiceHost() as host:

        def progress(what: str) -> None:
            sys.stderr.write(f"{what}\n")

        loop = ServeKillLoop(host, Path(name), seed=given.seed, progress=progress)
        found = asyncio.run(loop.run(given.cycles))
    for key, value in found.to_json().items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{one} {number}" for one, number in value.items())
        sys.stdout.write(f"{key:>16}  {shown}\n")
    sys.stdout.write(json.dumps({"serve_kill_loop": found.to_json()}) + "\n")
    return int(bool(found.bad))


if __name__ == "__main__":
    sys.exit(main())
