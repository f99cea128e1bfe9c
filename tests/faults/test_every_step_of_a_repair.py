"""A repair that fails, or is cancelled, at each of its calls once: the next one completes it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from pymilvus import MilvusClient
from workflows.errors import WorkflowCancelledByUser

from alir import Alir, Settings
from alir.errors import IngestStopped, MilvusUnavailable
from alir.testing import HashEmbedding
from tests.soak.faults import Faults, Moment
from tests.soak.judge import difference, stored


@pytest.fixture
async def app(lite_file: Path) -> AsyncIterator[Alir]:
    settings = Settings.load(
        milvus_uri=str(lite_file),
        collection=f"repair_{uuid4().hex[:12]}",
        chunk_tokens=64,
        chunk_overlap_tokens=0,
    )
    async with Alir(settings, embedding=HashEmbedding(dim=8)) as app:
        yield app


def damage(folder: Path, client: MilvusClient, collection: str, turn: int) -> dict[Path, str]:
    """Damage a file's rows in each of some ways, change the folder; return its texts."""
    names = ("a", "b", "c", "d")
    texts = {folder / f"{n}.txt": " ".join(f"{n}{i}" for i in range(60)) for n in names}
    texts |= {folder / "new.txt": f"Turn {turn}."}
    if turn:
        rows: dict[str, list[str]] = {}
        for row in stored(client, collection):
            rows.setdefault(Path(row["file_path"]).stem, []).append(row["id"])
        heads = {
            Path(row["file_path"]).stem: row["id"]
            for row in stored(client, collection)
            if row["chunk_index"] == 0
        }
        client.delete(collection, ids=[heads["a"]])
        client.delete(collection, ids=[one for one in rows["b"] if one != heads["b"]])
        [whole] = client.get(collection, ids=[rows["c"][-1]])
        client.delete(collection, ids=[whole["id"]])
        client.insert(collection, [whole | {"text": "Other words."}])
        [doubled] = client.get(collection, ids=[rows["d"][-1]])
        client.insert(collection, [doubled])
    for path, text in texts.items():
        path.write_text(text)
    gone, later = folder / f"gone{turn}.txt", folder / f"gone{turn + 1}.txt"
    gone.unlink(missing_ok=True)
    later.write_text("It comes and goes.")
    return texts | {later: "It comes and goes."}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_at_whatever_call_a_repair_ends_the_next_one_completes_it(
    app: Alir, tmp_path: Path, client: MilvusClient, how: str, moment: Moment
) -> None:
    collection = app.settings.collection
    damage(tmp_path, client, collection, 0)
    await app.ingest.run(paths=[tmp_path])
    faults = Faults()
    faults.watch(app)
    loop = asyncio.get_running_loop()
    tried: list[str] = []

    while True:
        texts = damage(tmp_path, client, collection, len(tried) + 1)
        cancelling: list[asyncio.Task[None]] = []

        def fail() -> None:
            if how == "fails":
                raise MilvusUnavailable("a fault of the test")
            loop.call_soon_threadsafe(
                lambda: cancelling.append(loop.create_task(handler.cancel_run()))  # noqa: B023
            )

        faults.plan(fail, call=len(tried) + 1, moment=moment)
        handler = app.verify.run(paths=[tmp_path], repair=True)
        with suppress(MilvusUnavailable, IngestStopped, WorkflowCancelledByUser):
            await handler
        await asyncio.gather(*cancelling)
        if not faults.happened:
            break
        case = f"{how} {moment} call {len(tried) + 1}, {faults.happened}"
        tried.append(faults.happened)
        faults.none()
        report = await app.verify.run(paths=[tmp_path], repair=True)
        assert report.remaining == [], case
        assert not difference(stored(client, collection), texts, app.shard.node_parser), case
        assert await app.catalog.count_chunks() == len(stored(client, collection)), case

    print(f"\n{len(tried)} calls of a repair, each {how} {moment} once: 0 lost, 0 doubled")
    assert {
        "catalog.stored_chunks",
        "catalog.surplus_rows",
        "catalog.live_versions",
        "embedding.aget_text_embedding_batch",
        "vector_store.async_add",
        "vector_store.adelete_nodes",
    } <= set(tried)
