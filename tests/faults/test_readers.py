"""Who asks while every file is brought up to date gets each file's old version or its new one."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import cycle
from pathlib import Path

from pydantic import PrivateAttr

from alir import Alir, Settings
from alir.events.ask import Answer
from alir.testing import HashEmbedding, MilvusServer

NAMES = ("apples", "bridges", "comets")
SENTENCES = 60
"""Of a file; some ten chunks."""


def write(folder: Path, version: int) -> None:
    """Fill the folder with files of another length each time, all of one word and one number."""
    for name in NAMES:
        sentence = f"The {name} are of version{version} this time. "
        (folder / f"{name}.txt").write_text(sentence * (SENTENCES + 7 * (version % 3)))


def settings(uri: str, collection: str) -> Settings:
    return Settings.load(milvus_uri=uri, collection=collection, chunk_tokens=64, timeout_s=60)


async def answers(app: Alir, done: asyncio.Event) -> AsyncIterator[tuple[str, set[str]]]:
    """Ask about each file in turn; yield its name and the versions its answer rests on."""
    while True:
        last = done.is_set()
        for name in NAMES:
            answer = await app.ask.run(question=f"{name} version", top_k=20)
            assert isinstance(answer, Answer)
            own = [one.text for one in answer.sources if Path(one.file).stem == name]
            yield name, {w.rstrip(".") for text in own for w in text.split() if "version" in w}
        if last:
            return


async def watch(app: Alir, done: asyncio.Event) -> Counter[str]:
    """Count what was seen: answers that were wholly of one version, of both, of neither."""
    seen: Counter[str] = Counter()
    newest = dict.fromkeys(NAMES, 0)
    async for name, versions in answers(app, done):
        seen["neither" if not versions else "both" if len(versions) > 1 else "one"] += 1
        version = max((int(one.removeprefix("version")) for one in versions), default=0)
        seen["back"] += version < newest[name]
        newest[name] = max(version, newest[name])
    seen["last"] = min(newest.values())
    return seen


class SlowEmbedding(HashEmbedding):
    """Takes its time for texts, so that a version is half written for long."""

    _delays_s: Iterator[float] = PrivateAttr(default_factory=lambda: cycle([0.0, 0.17, 0.03, 0.11]))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        await asyncio.sleep(next(self._delays_s))
        return await super()._aget_text_embeddings(texts)


async def test_a_question_in_the_midst_of_updates_sees_one_version_of_each_file(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    done = asyncio.Event()
    async with Alir(
        settings(str(tmp_path / "lite.db"), "readers"), embedding=SlowEmbedding(dim=64)
    ) as app:
        app.shard.batch_chunks = 4
        write(folder, 1)
        await app.ingest.run(paths=[folder])
        reader = asyncio.create_task(watch(app, done))
        for version in range(2, 10):
            write(folder, version)
            await app.ingest.run(paths=[folder])
        done.set()
        seen = await reader

    print(f"Milvus Lite, the same process: {dict(seen)}")
    assert (seen["both"], seen["neither"], seen["back"]) == (0, 0, 0)
    assert seen["one"] >= len(NAMES) * 8
    assert seen["last"] == 9


async def test_so_does_another_process(tmp_path: Path, milvus_server: MilvusServer) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    stop = tmp_path / "stop"
    async with Alir(settings(milvus_server.uri, "readers"), embedding=HashEmbedding(dim=64)) as app:
        write(folder, 1)
        await app.ingest.run(paths=[folder])
        command = [sys.executable, __file__, milvus_server.uri, str(stop)]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        assert await asyncio.to_thread(reader.stdout.readline) == "ready\n"
        for version in range(2, 8):
            write(folder, version)
            await app.ingest.run(paths=[folder])
        stop.touch()
        out = await asyncio.to_thread(reader.communicate)
    seen = Counter(json.loads(out[0]))

    print(f"Milvus server, another process: {dict(seen)}")
    assert reader.returncode == 0
    assert (seen["both"], seen["neither"]) == (0, 0)
    assert seen["last"] == 7


async def _read(uri: str, stop: Path) -> None:
    done = asyncio.Event()

    async def watch_for_the_end() -> None:
        while not stop.exists():
            await asyncio.sleep(0.05)
        done.set()

    async with Alir(settings(uri, "readers"), embedding=HashEmbedding(dim=64)) as app:
        await app.ask.run(question="apples version")
        print("ready", flush=True)
        ending = asyncio.create_task(watch_for_the_end())
        print(json.dumps(await watch(app, done)))
        await ending


if __name__ == "__main__":
    asyncio.run(_read(sys.argv[1], Path(sys.argv[2])))
