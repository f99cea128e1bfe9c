"""A shard: the events it goes through, and what it leaves to others."""

from pathlib import Path

from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters
from workflows.testing import WorkflowTestRunner

from alir import Alir
from alir.events.ingest import (
    ChunksAdded,
    ChunksEmbedded,
    ChunksSplit,
    DocumentsLoaded,
    FilesCompared,
    IngestFiles,
    ShardIngested,
    ShardSplit,
)
from alir.models.files import FilePart, source_id
from alir.workflows.ingest_shard import IngestShard


def parts(*paths: Path) -> list[FilePart]:
    return [FilePart(path, path.stat().st_size) for path in paths]


def shard_of(app: Alir, **bounds: int) -> IngestShard:
    whole = app.shard
    return IngestShard(
        catalog=whole.catalog,
        readers=whole.readers,
        node_parser=whole.node_parser,
        chunking=whole.chunking,
        embedding=whole.embedding,
        vector_store=whole.vector_store,
        **bounds,
    )


def test_the_graph_is_sound(app: Alir) -> None:
    assert app.shard.validate() is False  # sound, and asks no person anything


async def test_a_shard_goes_through_its_events_in_order(app: Alir, folder: Path) -> None:
    shard = shard_of(app, batch_chunks=1)
    start = IngestFiles(parts=parts(folder / "bees.txt", folder / "cats.txt"))
    run = await WorkflowTestRunner(shard).run(start, expose_internal=False)
    assert isinstance(run.result, ShardIngested)
    assert [one.outcome for one in run.result.outcomes] == ["added", "added"]
    assert run.result.remaining == []
    assert run.event_types == {ChunksAdded: 2, ShardIngested: 1}
    assert set(run.result.seconds) == {
        "compare",
        "load",
        "split",
        "embed",
        "add",
        "verify",
        "publish",
    }


async def test_its_steps_can_be_called_one_by_one(app: Alir, folder: Path) -> None:
    shard = app.shard
    compared = await shard.compare(IngestFiles(parts=parts(folder / "cats.txt")))
    assert isinstance(compared, FilesCompared)
    loaded = await shard.load(compared)
    assert isinstance(loaded, DocumentsLoaded)
    [told, batch] = await shard.split(loaded)
    assert isinstance(told, ShardSplit)
    assert isinstance(batch, ChunksSplit)
    embedded = await shard.embed(batch)
    assert isinstance(embedded, ChunksEmbedded)
    assert len(embedded.chunks[0].embedding or []) == 64


async def test_a_second_run_over_the_same_files_writes_nothing(app: Alir, folder: Path) -> None:
    files = parts(folder / "bees.txt", folder / "cats.txt")
    await app.shard.run(start_event=IngestFiles(parts=files))
    run = await WorkflowTestRunner(app.shard).run(IngestFiles(parts=files), expose_internal=False)
    assert [one.outcome for one in run.result.outcomes] == ["unchanged", "unchanged"]
    assert ChunksAdded not in run.event_types


async def test_text_beyond_the_budget_is_left_for_another_shard(app: Alir, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("".join(f"This is sentence number {n}.\n" for n in range(400)))
    shard = shard_of(app, shard_chars=4_000)
    waiting, shards = parts(path), 0
    while waiting:
        result = await shard.run(start_event=IngestFiles(parts=waiting))
        if result.remaining:
            assert result.outcomes == []
            assert await app.catalog.count_files() == 0, "half a file must not pass for a whole one"
        waiting, shards = result.remaining, shards + 1
    assert shards == 3
    assert [one.outcome for one in result.outcomes] == ["added"]
    assert await app.catalog.count_files() == 1
    chunks = await app.vector_store.aget_nodes(filters=chunks_of(path))
    assert len(chunks) == await app.catalog.count_chunks()
    text = path.read_text()
    for chunk in chunks:
        assert text[chunk.start_char_idx : chunk.end_char_idx] == chunk.text
    indexed = " ".join(chunk.text for chunk in chunks)
    assert all(f"number {number}." in indexed for number in range(400))
    assert sorted(chunk.metadata["chunk_index"] for chunk in chunks) == list(range(len(chunks)))


def chunks_of(path: Path) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key="doc_id", value=source_id(path))])
