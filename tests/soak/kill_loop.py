"""Kill an ingestion (kill -9) at random moments, resume it, and compare collection and folder.

    python -m tests.soak.kill_loop --cycles 200 --server-cycles 50 --seed 1

Before a cycle the folder changes; a run is killed, sometimes the one that resumes as well, and
sometimes the folder changes in between. Then a run goes to its end, and every row is compared with
the folder (`Mirror`). The seed decides what happens in a cycle, except for the moment at which the
system delivers a signal.
"""

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from alir.testing.milvus_server import MilvusServer
from tests.soak.changing_folder import ChangingFolder
from tests.soak.ingester import CHUNK_TOKENS, OVERLAP_TOKENS, Ingester, Run, Victim
from tests.soak.mirror import Mirror

CHANGES = 20
"""Changes of the folder before a cycle."""
UNINTERRUPTED_EVERY = 8
"""Cycles for each run that is not killed, to compare the recovery with."""
ATTEMPTS = 5
"""Resumed runs that may fail before the cycle counts as stuck."""


@dataclass
class Figures:
    """The figures of a loop."""

    where: str
    seed: int
    cycles: int = 0
    """Cycles in which a run was killed; a run that ended before its kill does not count."""
    kills: Counter[str] = field(default_factory=Counter)
    """Kills by victim."""
    phases: Counter[str] = field(default_factory=Counter)
    """Kills by the phase of the run."""
    lost: int = 0
    doubled: int = 0
    orphaned: int = 0
    left_running: int = 0
    """Killed runs with a process that went on."""
    refused: Counter[str] = field(default_factory=Counter)
    """Errors of resumed runs, each followed by another attempt."""
    stuck: int = 0
    """Cycles in which no attempt succeeded."""
    divergences: list[str] = field(default_factory=list)
    """Each wrong cycle, and what was wrong."""
    recovered_s: list[float] = field(default_factory=list)
    uninterrupted_s: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the figures with percentiles for the lists of seconds."""
        seconds = {
            name: {"p50": percentile(values, 50), "p95": percentile(values, 95)}
            for name, values in (
                ("recovered_s", self.recovered_s),
                ("uninterrupted_s", self.uninterrupted_s),
            )
        }
        return {**vars(self), **seconds, "seconds": round(self.seconds, 1)}


class KillLoop:
    """Kills and resumes ingestions into one collection.

    Args:
        uri: a Milvus Lite file, or a server's address.
    """

    def __init__(self, ingester: Ingester, uri: str, folder: Path, *, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  reproducible
        self._ingester = ingester
        self._folder = ChangingFolder(folder, self._random)
        self._settings = {"milvus_uri": uri, "collection": f"killed_{seed}"}
        self._is_lite = "://" not in uri
        # Of the last run that succeeded: bounds for the time and the call of the next kill.
        self._run_s, self._run_calls = 1.0, 1
        self._mirror = Mirror(
            uri,
            self._settings["collection"],
            chunk_tokens=CHUNK_TOKENS,
            chunk_overlap_tokens=OVERLAP_TOKENS,
        )
        self.figures = Figures("Milvus Lite" if self._is_lite else "Milvus server", seed)

    def run(self, cycles: int) -> Figures:
        """Run `cycles` cycles; each blocks for 2 to 4 s."""
        began = monotonic()
        self._to_the_end()
        while self.figures.cycles < cycles:
            if self.figures.cycles >= UNINTERRUPTED_EVERY * len(self.figures.uninterrupted_s):
                self._folder.change(CHANGES)
                self.figures.uninterrupted_s.append(self._to_the_end())
            self._cycle()
        self.figures.seconds = monotonic() - began
        return self.figures

    def _cycle(self) -> None:
        self._folder.change(CHANGES)
        killed = []
        while run := self._killed_run():
            killed.append(run)
            if self._random.random() < 0.75:
                break  # else the resumed run is killed, too
        if not killed:
            return
        if self._random.random() < 0.5:
            self._folder.change(CHANGES // 3)
        self.figures.cycles += 1
        self.figures.recovered_s.append(self._to_the_end())
        self.figures.left_running += sum(not run.leaves_nothing_running() for run in killed)
        found = self._mirror.divergence(self._folder.root)
        self.figures.lost += len(found.lost)
        self.figures.doubled += len(found.doubled)
        self.figures.orphaned += len(found.orphaned)
        if found:
            self.figures.divergences.append(f"cycle {self.figures.cycles}: {found}")

    def _killed_run(self) -> Run | None:
        """Start a run and kill it; return None if it ended before."""
        run = self._ingester.start(self._folder.root, **self._settings)
        # A run spends its time in a few calls, and its steps in others: go by both.
        if self._random.random() < 0.2:
            runs = run.wait(self._random.uniform(0, self._run_s))
        else:
            runs = run.wait(calls=self._random.randint(1, self._run_calls))
            runs = runs and run.wait(self._random.uniform(0, 0.02))
        victim: Victim = "program"
        if self._is_lite:
            victim = self._random.choice(["program", "program and Lite", "Lite"])
        if runs:
            run.kill(victim)
        at = phase(run)
        run.wait()
        if run.exit_code == 0:
            return None
        self.figures.kills[victim] += 1
        self.figures.phases[at] += 1
        return run

    def _to_the_end(self) -> float:
        """Run until a run succeeds; return the seconds, with those of failed attempts."""
        seconds = 0.0
        for _ in range(ATTEMPTS):
            run = self._ingester.start(self._folder.root, **self._settings)
            run.wait()
            seconds += run.seconds
            self.figures.left_running += not run.leaves_nothing_running()
            if run.exit_code == 0:
                self._run_s, self._run_calls = run.seconds, len(run.calls)
                return seconds
            self.figures.refused[run.error or f"exit code {run.exit_code}"] += 1
        self.figures.stuck += 1
        return seconds


def phase(run: Run) -> str:
    """Return the phase of a run, by the calls of Milvus that it had begun."""
    if {"upsert", "insert", "delete"}.isdisjoint(run.calls):
        return "comparing" if "query" in run.calls else "opening"
    last = [call for call in run.calls if call in {"upsert", "insert", "delete"}][-1]
    return "deleting" if last == "delete" else "writing"


def percentile(values: list[float], percent: int) -> float | None:
    """Return the percentile, rounded to milliseconds; None of no values."""
    if len(values) < 2:
        return round(values[0], 3) if values else None
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 3)


def main() -> int:
    """Run the loops and print the figures; 1 if anything was lost, doubled or orphaned."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=200, help="over Milvus Lite")
    parser.add_argument("--server-cycles", type=int, default=50, help="over a Milvus server")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = []
    with TemporaryDirectory(prefix="alir-kill-") as name, Ingester() as ingester:
        tmp = Path(name)
        if given.cycles:
            loop = KillLoop(ingester, str(tmp / "milvus.db"), tmp / "lite", seed=given.seed)
            found.append(_shown(loop.run(given.cycles)))
        if given.server_cycles:
            with MilvusServer() as server:
                loop = KillLoop(ingester, server.uri, tmp / "server", seed=given.seed)
                found.append(_shown(loop.run(given.server_cycles)))
    sys.stdout.write(json.dumps({"kill_loop": [one.to_json() for one in found]}) + "\n")
    return int(any(one.divergences or one.left_running or one.stuck for one in found))


def _shown(figures: Figures) -> Figures:
    show(figures.to_json())
    return figures


def show(figures: Mapping[str, Any]) -> None:
    """Print a table of the figures."""
    for name, value in figures.items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {number}" for key, number in value.items())
        sys.stdout.write(f"{name:>17}  {shown}\n")
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
