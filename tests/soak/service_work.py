"""What is under way in a service when it is killed, and what must be so when it is back.

A kind of work does one piece after the other until the service is gone, which may cut a piece off
anywhere. Then, when the service is back and nothing in it is under way, it looks whether what was
acknowledged is there. Another kind is another class like these, in `kinds`.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import monotonic
from typing import Protocol

import httpx

from alir.models.files import source_id

_WORDS = (
    *("moon", "tea", "mayor", "basalt", "river", "honey", "engine", "lantern", "harbour"),
    *("velvet", "copper", "window", "thunder", "garden", "letter", "market", "silver", "forest"),
)

RUNS_END_S = 60.0
"""Longest wait for runs to end that a kill cut off."""


class Wrong(Exception):
    """What must not be."""


class Work(Protocol):
    """A kind of work."""

    counts: Counter[str]
    """What was done and acknowledged, and what was refused."""

    @property
    def ingestions(self) -> "set[str]":
        """The ingestions that were acknowledged to it, and have not been seen to end."""

    async def do(self, client: httpx.AsyncClient) -> None:
        """Do one piece.

        Raises:
            HTTPError: the service is gone.
            Wrong: it answered what it must not.
        """

    async def judge(self, client: httpx.AsyncClient) -> list[str]:
        """Return what is not as it was acknowledged; nothing is under way."""


class Uploads:
    """Uploads files, replaces them, and deletes them again; no one else touches their names.

    Args:
        name: what its files are called, before a number.
        root: the service's folder.
    """

    def __init__(self, name: str, root: Path, random: Random, *, files: int = 6) -> None:
        self._random = random
        self._paths = [root / f"{name}-{number}.txt" for number in range(files)]
        # By file, what it may hold: what was acknowledged last, and what was sent since without
        # an answer. None is no file.
        self._may_be: dict[Path, list[str | None]] = {path: [None] for path in self._paths}
        self._changed: dict[Path, None] = {}
        self._number = 0
        self.ingestions: set[str] = set()
        self.counts: Counter[str] = Counter()

    async def do(self, client: httpx.AsyncClient) -> None:
        """Upload one or two files, or delete one."""
        if self._random.random() < 0.2:
            await self._delete(client, self._random.choice(self._paths))
            return
        paths = self._random.sample(self._paths, self._random.choice([1, 1, 1, 2]))
        texts = [self._text(path) for path in paths]
        for path, text in zip(paths, texts, strict=True):
            self._may_be[path].append(text)
            self._changed[path] = None
        files = [("file", (path.name, text)) for path, text in zip(paths, texts, strict=True)]
        answer = await client.post("/v1/files", files=files)
        if answer.status_code == 202:
            replaced = sum(self._may_be[path][0] is not None for path in paths)
            self.counts["uploads"] += 1
            self.counts["files replaced"] += replaced
            self.ingestions.add(answer.json()["ingestion"]["id"])
            for path, text in zip(paths, texts, strict=True):
                self._may_be[path] = [text]
        elif answer.status_code == 429:
            self.counts["uploads refused"] += 1
            for path, text in zip(paths, texts, strict=True):
                self._may_be[path].remove(text)
        else:
            raise Wrong(f"an upload was answered with {answer.status_code}: {answer.text}")

    async def _delete(self, client: httpx.AsyncClient, path: Path) -> None:
        self._may_be[path].append(None)
        self._changed[path] = None
        answer = await client.delete(f"/v1/sources/{source_id(path)}")
        if answer.status_code == 202:
            self.counts["deletions"] += 1
            self.ingestions.add(answer.json()["id"])
            self._may_be[path] = [None]
        elif answer.status_code in {404, 429}:  # it is not in the index yet, or no more
            self._may_be[path].pop()
        else:
            raise Wrong(f"a deletion was answered with {answer.status_code}: {answer.text}")

    async def judge(self, client: httpx.AsyncClient) -> list[str]:
        """Compare what the index holds of its files with what was acknowledged."""
        wrong = []
        # What changed since the last look, and some that should not have.
        others = self._random.sample(self._paths, min(len(self._paths), 2))
        for path in {**self._changed, **dict.fromkeys(others)}:
            answer = await client.get(f"/v1/sources/{source_id(path)}/text")
            held = answer.text if answer.status_code == 200 else None
            if answer.status_code not in {200, 404}:
                wrong.append(f"{path.name}: its text was answered with {answer.status_code}")
            elif _said(held) not in map(_said, self._may_be[path]):
                wrong.append(
                    f"{path.name} holds {_short(held)}, not {[*map(_short, self._may_be[path])]}"
                )
            else:
                # What was cut off has come to one of its two ends.
                self._may_be[path] = [
                    one for one in self._may_be[path] if _said(one) == _said(held)
                ][:1]
        self._changed.clear()
        return wrong

    def _text(self, path: Path) -> str:
        self._number += 1
        lines = [
            " ".join(self._random.choices(_WORDS, k=12)).capitalize() + "."
            for _ in range(self._random.choice([1, 3, 12, 40]))
        ]
        return "\n".join([f"{path.stem} is number {self._number}.", *lines]) + "\n"


class Ingestions:
    """Has all of the folder ingested, again and again."""

    def __init__(self) -> None:
        self.ingestions: set[str] = set()
        self.counts: Counter[str] = Counter()

    async def do(self, client: httpx.AsyncClient) -> None:
        """Ask for one, and look how far it comes."""
        answer = await client.post("/v1/ingestions", json={"paths": ["."], "delete_many": True})
        if answer.status_code == 429:
            self.counts["ingestions refused"] += 1
            return
        if answer.status_code != 202:
            raise Wrong(f"an ingestion was answered with {answer.status_code}: {answer.text}")
        self.counts["ingestions"] += 1
        self.ingestions.add(id_ := answer.json()["id"])
        async with client.stream(
            "GET", f"/v1/ingestions/{id_}", headers={"Accept": "text/event-stream"}
        ) as events:
            async for _ in events.aiter_lines():
                pass

    async def judge(self, _: httpx.AsyncClient) -> list[str]:
        """Nothing: that they end is looked at for all."""
        return []


class Questions:
    """Asks one question after the other."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.ingestions: set[str] = set()
        self.counts: Counter[str] = Counter()

    async def do(self, client: httpx.AsyncClient) -> None:
        """Ask one."""
        question = f"Where is the {' '.join(self._random.sample(_WORDS, 3))}?"
        answer = await client.post("/v1/ask", json={"question": question})
        if answer.status_code not in {200, 409, 429}:  # 409: nothing was ingested yet
            raise Wrong(f"a question was answered with {answer.status_code}: {answer.text}")
        self.counts[f"answers {answer.status_code}"] += 1

    async def judge(self, client: httpx.AsyncClient) -> list[str]:
        """One more is answered."""
        try:
            await self.do(client)
        except Wrong as error:
            return [str(error)]
        return []


class Runs:
    """Begins runs of LlamaIndex's workflow server, three at a time, and sees them to their end."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._begun: set[str] = set()
        """Those that were acknowledged and have not been seen to end."""
        self.ingestions: set[str] = set()
        self.counts: Counter[str] = Counter()

    async def do(self, client: httpx.AsyncClient) -> None:
        """Begin three, and wait until they have ended."""
        await asyncio.gather(*(self._begin(client, name) for name in ("ask", "agent", "search")))
        if wrong := await self._ended(client):
            raise Wrong("; ".join(wrong))

    async def judge(self, client: httpx.AsyncClient) -> list[str]:
        """Those that were cut off come to their end, too."""
        return await self._ended(client)

    async def _begin(self, client: httpx.AsyncClient, name: str) -> None:
        question = f"Where is the {' '.join(self._random.sample(_WORDS, 3))}?"
        path = f"/workflows/workflows/{name}/run-nowait"
        answer = await client.post(path, json={"start_event": {"question": question}})
        if answer.status_code == 429:
            self.counts["runs refused"] += 1
        elif answer.status_code == 200:
            self.counts["runs"] += 1
            self._begun.add(answer.json()["handler_id"])
        else:
            raise Wrong(f"a run was answered with {answer.status_code}: {answer.text}")

    async def _ended(self, client: httpx.AsyncClient) -> list[str]:
        """Wait for the runs to end, and return what is wrong with them."""
        wrong = []
        deadline = monotonic() + RUNS_END_S
        while self._begun and monotonic() < deadline:
            for id_ in [*self._begun]:
                answer = await client.get(f"/workflows/handlers/{id_}")
                status = answer.json().get("status", answer.status_code)
                if status == "running":
                    continue
                self._begun.discard(id_)
                self.counts[f"runs {status}"] += 1
                # Before anything was ingested there is no answer.
                if status != "completed" and "holds no documents yet" not in answer.text:
                    wrong.append(f"the run {id_} is {status}: {answer.text}")
            await asyncio.sleep(0.02)
        wrong += [f"the run {id_} is stuck" for id_ in self._begun]
        self._begun.clear()
        return wrong


def kinds(root: Path, random: Random) -> Sequence[Work]:
    """Return the work that is under way when a service is killed."""
    uploads = [Uploads(name, root, random) for name in ("north", "south", "east")]
    return [*uploads, Ingestions(), *(Questions(random) for _ in range(4)), Runs(random)]


def _said(text: str | None) -> str | None:
    """A text without its white space: chunks do not hold what is between them."""
    return None if text is None else " ".join(text.split())


def _short(text: str | None) -> str:
    return "nothing" if text is None else repr(text[:40])
