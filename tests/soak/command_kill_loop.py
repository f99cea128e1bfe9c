"""Kill alir's commands (kill -9) at random moments, do what the documentation says, and judge.

    python -m tests.soak.command_kill_loop --cycles 100 --seed 1

Before a cycle the folder changes. Then one of the commands in `CYCLES` is killed, sometimes the one
that resumes as well, and sometimes the folder changes in between. Then the same command runs again
to its end, or is left out, and an ingestion follows. Every row, record of the ledger and
collection is compared with the folder (`IndexJudge`).
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from tests.soak.changing_folder import ChangingFolder
from tests.soak.commands import CommandRunner
from tests.soak.damage import damage
from tests.soak.index_judge import IndexJudge, IndexLook
from tests.soak.ingester import OVERLAP_TOKENS, Run, Victim
from tests.soak.kill_loop import percentile, show

FILES, CHANGES = 30, 8
"""Files at first, and changes of the folder before a cycle."""
CHUNK_TOKENS = (64, 80, 96, 128)
"""Settings that rebuilds choose from."""
ATTEMPTS = 5
"""Attempts that may fail before a cycle counts as stuck."""
MOST_COLLECTIONS = 3
"""The live one, the one before, and one that was begun or that the next rebuild drops."""
CYCLES = (
    "rebuild",
    "rebuild --rollback",
    "rebuild without paths",
    "relearn",
    "retry",
    "watch",
    "verify --repair",
    "rebuild --drop-old",
)
"""The commands that are killed, in turns."""
RESUMED_BY = {"watch": "watch once"}
NEED_OTHER_SETTINGS = {"rebuild", "rebuild without paths"}
SWITCHES = NEED_OTHER_SETTINGS | {"rebuild --rollback"}
"""After these another collection may be live."""


@dataclass
class Figures:
    """The figures of a loop."""

    seed: int
    cycles: int = 0
    """Cycles in which a command was killed; one that ended before its kill does not count."""
    commands: Counter[str] = field(default_factory=Counter)
    """Cycles by command."""
    kills: Counter[str] = field(default_factory=Counter)
    """Kills by victim, those of commands that resumed with them."""
    last_calls: Counter[str] = field(default_factory=Counter)
    """Kills by the last call of Milvus before them."""
    lost: int = 0
    doubled: int = 0
    orphaned: int = 0
    ledger: int = 0
    """Records of the ledger that say otherwise than the rows or the folder."""
    unsettled: int = 0
    """Records that are not settled, and files that are still said to have failed."""
    collections_left: int = 0
    """Collections that no alias means, and that stay whatever is done."""
    left_running: int = 0
    """Commands of which a process went on."""
    refused: Counter[str] = field(default_factory=Counter)
    """Errors of commands that should have gone on."""
    stuck: int = 0
    """Commands that did not end, or of which no attempt succeeded."""
    divergences: list[str] = field(default_factory=list)
    """Each wrong cycle, and what was wrong."""
    recovered_s: list[float] = field(default_factory=list)
    """Of the command that resumes, if one did, and the ingestion after it."""
    seconds: float = 0.0

    @property
    def bad(self) -> dict[str, Any]:
        """The figures that must be zero, if they are not."""
        counts = "lost", "doubled", "orphaned", "ledger", "unsettled", "collections_left"
        names = *counts, "left_running", "refused", "stuck", "divergences"
        return {name: value for name in names if (value := getattr(self, name))}

    def to_json(self) -> dict[str, Any]:
        """Return the figures with percentiles for the list of seconds."""
        recovered = {f"p{n}": percentile(self.recovered_s, n) for n in (50, 95)}
        return {**vars(self), "recovered_s": recovered, "seconds": round(self.seconds, 1)}


class CommandKillLoop:
    """Kills and resumes commands over an index on Milvus Lite in `folder`.

    Args:
        commands: what is killed, in turns.
        files: how many the folder has at first.
    """

    def __init__(
        self,
        runner: CommandRunner,
        folder: Path,
        *,
        seed: int,
        commands: Sequence[str] = CYCLES,
        files: int = FILES,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._random = Random(seed)  # noqa: S311  reproducible
        self._runner = runner
        self._commands = [*commands]
        self._folder = ChangingFolder(folder / "documents", self._random, files=files)
        self._ledger = folder / "ledger.db"
        self._settings = {
            "milvus_uri": str(folder / "milvus.db"),
            "collection": f"killed_{seed}",
            "ledger": str(self._ledger),
        }
        self._judge = IndexJudge(
            self._settings["milvus_uri"],
            self._settings["collection"],
            self._ledger,
            overlap_tokens=OVERLAP_TOKENS,
        )
        # By command, of the last run that ended: bounds for the time and the call of the next kill.
        self._bounds: dict[str, tuple[float, int]] = {}
        self._killed: list[Run] = []
        """Those of which a process may still run."""
        self._progress = progress
        self.figures = Figures(seed)

    def run(self, cycles: int) -> Figures:
        """Run `cycles` cycles; each blocks for several seconds."""
        began = monotonic()
        self._to_the_end("ingest", CHUNK_TOKENS[0])
        turn = 0
        while self.figures.cycles < cycles:
            self._cycle(self._commands[turn % len(self._commands)])
            turn += 1
        # Whatever was left on the way, this removes it.
        self._drop_old()
        self.figures.seconds = monotonic() - began
        return self.figures

    def _cycle(self, command: str) -> None:
        self._folder.change(CHANGES)
        before = self._prepared(command)
        tokens = before.chunk_tokens
        if command in NEED_OTHER_SETTINGS:
            tokens = self._random.choice([one for one in CHUNK_TOKENS if one != tokens])
        kills = self.figures.kills.total()
        while self._kills(command, tokens):
            if self._random.random() < 0.75 or not self._goes_on(command, before, tokens):
                break  # else the one that resumes is killed, too
        if self.figures.kills.total() == kills:
            return
        if self._random.random() < 0.5:
            self._folder.change(CHANGES // 3)
        seconds = 0.0
        if self._random.random() < 0.7 and self._goes_on(command, before, tokens):
            if command in NEED_OTHER_SETTINGS and self._random.random() < 0.2:
                tokens = self._random.choice([n for n in CHUNK_TOKENS if n != before.chunk_tokens])
            seconds += self._to_the_end(RESUMED_BY.get(command, command), tokens)
        # What is live now is looked at only if need be: a command that was killed is followed at
        # once, while its Milvus Lite may still be dying.
        is_known = command not in SWITCHES
        live = before.chunk_tokens if is_known else self._look().chunk_tokens
        seconds += self._to_the_end("ingest", live)
        self.figures.cycles += 1
        self.figures.commands[command] += 1
        self.figures.recovered_s.append(seconds)
        wrong = self._judged(command)
        self._progress(f"{self.figures.cycles}: {command}; {wrong or 'all is well'}")

    def _prepared(self, command: str) -> IndexLook:
        """Bring the index into the state that the command is for, and return it."""
        look = self._look()
        if command in {"rebuild --rollback", "rebuild --drop-old"} and not look.previous:
            tokens = self._random.choice([n for n in CHUNK_TOKENS if n != look.chunk_tokens])
            self._to_the_end("rebuild", tokens)
            look = self._look()
        elif command == "relearn" and self._random.random() < 0.5:
            for path in self._ledger.parent.glob(f"{self._ledger.name}*"):
                path.unlink()
        elif command == "retry":
            self._fail_some(look.chunk_tokens)
        elif command == "verify --repair":
            self._to_the_end("ingest", look.chunk_tokens)
            damage(self._settings["milvus_uri"], look.live, self._random)
        return look

    def _fail_some(self, tokens: int) -> None:
        """Have files fail in an ingestion, and mend them."""
        texts = {path: path.read_text() for path in self._folder.some(3)}
        for path in texts:
            path.write_bytes(b"\0\xff" * 100)
        self._to_the_end("ingest", tokens)
        for path, text in texts.items():
            path.write_text(text)

    def _goes_on(self, command: str, before: IndexLook, tokens: int) -> bool:
        """Return whether `alir status` shows that the killed command had not ended.

        A rollback that had ended would be undone by another, and a rebuild finds nothing to do.
        """
        if command not in SWITCHES:
            return True
        if command == "rebuild --rollback":
            return self._look().live == before.live
        return self._look().chunk_tokens != tokens

    def _kills(self, command: str, tokens: int) -> bool:
        """Start a command and kill it; return False if it ended before."""
        longest_s, calls = self._bounds.get(command, (1.0, 20))
        # A watch is killed in its first sync, or in the one that a change leads to.
        again = command == "watch" and self._random.random() < 0.6
        run = self._start(command if again else RESUMED_BY.get(command, command), tokens)
        done = 0
        if again and run.reports():
            done = len(run.calls)
            self._folder.change(CHANGES)
            self._folder.add()
        # A run spends its time in a few calls, and its steps in others: go by both.
        if self._random.random() < 0.3:
            runs = run.wait(self._random.uniform(0, longest_s))
        else:
            runs = run.wait(calls=done + self._random.randint(1, calls))
            runs = runs and run.wait(self._random.uniform(0, 0.02))
        victim: Victim = self._random.choice(["program", "program and Lite", "Lite"])
        if not runs:
            return False
        run.kill(victim)
        self._ends(run)
        if run.exit_code == 0 and victim != "Lite":
            return False
        self._killed.append(run)
        self.figures.kills[victim if run.exit_code else f"{victim}, and it went on"] += 1
        self.figures.last_calls[run.calls[-1] if run.calls else "none"] += 1
        return True

    def _start(self, command: str, tokens: int) -> Run:
        return self._runner.start(command, self._folder.root, **self._settings, chunk_tokens=tokens)

    def _ends(self, run: Run) -> None:
        """Wait for the end of a run; one that does not come to it is stuck, and is killed."""
        if run.wait():
            self.figures.stuck += 1
            run.kill("program and Lite")
            run.wait()

    def _look(self) -> IndexLook:
        """Look at the index once the killed commands have left it."""
        while self._killed:
            self.figures.left_running += not self._killed.pop().leaves_nothing_running()
        return self._judge.look()

    def _to_the_end(self, command: str, tokens: int) -> float:
        """Run the command until it succeeds; return the seconds, with those of failed attempts."""
        seconds = 0.0
        for _ in range(ATTEMPTS):
            run = self._start(command, tokens)
            self._ends(run)
            seconds += run.seconds
            self.figures.left_running += not run.leaves_nothing_running()
            if run.exit_code == 0:
                name = "watch" if command == "watch once" else command
                if run.calls:  # else there was nothing to do any more
                    self._bounds[name] = run.seconds, len(run.calls)
                return seconds
            self.figures.refused[f"{command}: {run.error or f'exit code {run.exit_code}'}"] += 1
        self.figures.stuck += 1
        return seconds

    def _judged(self, command: str) -> str:
        """Count what is wrong, and return it in words."""
        look = self._look()
        difference = self._judge.difference(look, self._folder.root)
        wrong, left = self._judge.ledger_faults(look, self._folder.root)
        self.figures.lost += len(difference.lost)
        self.figures.doubled += len(difference.doubled)
        self.figures.orphaned += len(difference.orphaned)
        self.figures.ledger += len(wrong)
        self.figures.unsettled += len(left)
        self.figures.collections_left += max(0, len(look.collections) - MOST_COLLECTIONS)
        problems = [*([difference] if difference else []), *wrong, *left]
        if problems:
            text = f"cycle {self.figures.cycles}, {command}: {problems}"
            self.figures.divergences.append(text)
            return text
        return ""

    def _drop_old(self) -> None:
        look = self._look()
        self._to_the_end("rebuild --drop-old", look.chunk_tokens)
        self.figures.collections_left += len(self._look().collections - {look.live})


def main() -> int:
    """Run the loop and print the figures; 1 if a count that must be zero is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    def progress(what: str) -> None:
        sys.stderr.write(f"{what}\n")

    with TemporaryDirectory(prefix="alir-kill-") as name, CommandRunner() as runner:
        loop = CommandKillLoop(runner, Path(name), seed=given.seed, progress=progress)
        found = loop.run(given.cycles)
    show(found.to_json())
    sys.stdout.write(json.dumps({"command_kill_loop": found.to_json()}) + "\n")
    return int(bool(found.bad))


if __name__ == "__main__":
    sys.exit(main())
