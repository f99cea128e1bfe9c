"""One side of `bench crossings`, in a process of its own.

    PYTHONPATH=CHECKOUT/src python -P side.py FOLDER REPEATS

Run by its path, it measures the alir of any checkout: of alir it takes only the names that are
promised to stay, and of this folder nothing. `-P` keeps this folder's modules from being taken for
libraries of the same name. The last line of stdout is the result.
"""

import asyncio
import dis
import inspect
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import alir
from alir import Alir, Settings
from alir.testing.embeddings import HashEmbedding

WARM_FILES = 24
"""In the index before anything counts. More than a question looks at, so that each looks at as many
as the next; some of an ingestion's resumptions are for every file that the index holds."""
FAKES = "testing/"
"""Not counted: the embedding that stands for a model is no part of the work."""
STOPPING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Calls:
    """The calls that entered a file of the package from elsewhere."""

    def __init__(self) -> None:
        # Appended to by several threads: that is one step of the interpreter, a sum is not.
        self.entries: list[tuple[str | None, str, bool]] = []
        """The caller's file, None outside the package; the callee's; whether it is a call, or goes
        on where it had stopped."""

    def to_json(self) -> dict[str, Any]:
        """Return what was counted.

        - `calls`: from a file of the package to another one.
        - `calls_and_resumptions`: the same, and each time that a generator or a coroutine went on
          for one in another file: every `call` event of `sys.setprofile`.
        - `files`: that were entered, from the package or from outside.
        - `pairs`: `[caller's file, callee's file, calls]`, most calls first; their sum is `calls`.
        """
        between = [entry for entry in self.entries if entry[0] is not None]
        pairs = Counter((caller, callee) for caller, callee, is_call in between if is_call)
        return {
            "calls": pairs.total(),
            "calls_and_resumptions": len(between),
            "files": len({callee for _, callee, _ in self.entries}),
            "pairs": sorted(([*pair, n] for pair, n in pairs.items()), key=_most_first),
        }


class CallCounter:
    """Counts calls between the files below `package`, on all threads of this process.

    A call counts if the frame that calls and the one that is called lie in two files of the
    package. One that passes through a library (LlamaIndex's engine, asyncio, functools) does not:
    the library calls. What a child process does is not seen.
    """

    def __init__(self, package: Path) -> None:
        self._folder = f"{package}{os.sep}"
        self._names: dict[str, str | None] = {}
        self._calls: Calls | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watch this thread, and those that begin in the block."""
        threading.setprofile(self._notice)
        sys.setprofile(self._notice)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    @contextmanager
    def counting(self) -> Iterator[Calls]:
        """Count what is called in the block."""
        self._calls = Calls()
        try:
            yield self._calls
        finally:
            self._calls = None

    def _notice(self, frame: FrameType, event: str, _: object) -> None:
        calls = self._calls
        if calls is None or event != "call":
            return
        callee, caller = self._file(frame), self._file(frame.f_back)
        if callee is not None and callee != caller:
            calls.entries.append((caller, callee, not _goes_on(frame)))

    def _file(self, frame: FrameType | None) -> str | None:
        """Return the file that runs in `frame`, as the package has it; None for any other."""
        if frame is None:
            return None
        file = frame.f_code.co_filename
        if file not in self._names:
            name = Path(file.removeprefix(self._folder)).as_posix()
            is_counted = file.startswith(self._folder) and not name.startswith(FAKES)
            self._names[file] = name if is_counted else None
        return self._names[file]


def _goes_on(frame: FrameType) -> bool:
    """Whether a generator or a coroutine goes on where it had stopped."""
    return bool(frame.f_code.co_flags & STOPPING) and frame.f_lasti > _start(frame.f_code)


@cache
def _start(code: CodeType) -> int:
    """Where the body begins; each later RESUME follows a `yield` or an `await`."""
    return next(one.offset for one in dis.get_instructions(code) if one.opname == "RESUME")


def _most_first(pair: Sequence[Any]) -> tuple[Any, ...]:
    caller, callee, calls = pair
    return -calls, caller, callee


class AnsweredFromElsewhere(Exception):
    """The answer does not rest on the file that the question is about."""


async def measure(folder: Path, repeats: int, counter: CallCounter) -> dict[str, Any]:
    """Return what was counted of `first`, a file into no index yet, of `ingest` and of `ask`.

    Raises:
        AnsweredFromElsewhere: a file was not ingested, or not found.
    """
    settings = Settings.load(milvus_uri=str(folder / "crossings.db"))
    first, *warm = [_written(folder, number) for number in range(WARM_FILES)]
    found: dict[str, list[dict[str, Any]]] = {"first": [], "ingest": [], "ask": []}
    async with Alir(settings, embedding=HashEmbedding(dim=384)) as app:

        async def ingest(*files: Path) -> Calls:
            with counter.counting() as calls:
                await app.ingest.run(paths=[str(file) for file in files])
            return calls

        async def ask(file: Path) -> Calls:
            with counter.counting() as calls:
                answer: Any = await app.ask.run(
                    question=f"Which harbour has nine quays, {file.stem}?"
                )
            if file.stem not in answer.text:
                raise AnsweredFromElsewhere(answer.text)
            return calls

        found["first"].append((await ingest(first)).to_json())
        await ingest(*warm)
        await ask(first)
        for number in range(WARM_FILES, WARM_FILES + repeats):
            file = _written(folder, number)
            found["ingest"].append((await ingest(file)).to_json())
            found["ask"].append((await ask(file)).to_json())
    return found


def _written(folder: Path, number: int) -> Path:
    """Write a small text file; no two differ but in the name of their town."""
    file = folder / f"town{number:04}.txt"
    file.write_text(
        f"The harbour of {file.stem} has nine quays, and a crane on each of them. Its mayor, "
        "elected twice, is a horse of some renown.\n\nGreen tea is steeped for two minutes.\n",
        encoding="utf-8",
    )
    return file


def main(folder: str, repeats: str) -> None:
    """Measure, and print what was counted and the folder of the alir that it was counted in."""
    package = Path(alir.__file__).parent
    counter = CallCounter(package)
    with counter.installed():
        works = asyncio.run(measure(Path(folder), int(repeats), counter))
    found = {"package": str(package), "index_files": WARM_FILES, "works": works}
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
