"""An update that fails, or is cancelled, at each of its calls once: before it, and after it.

Over a real Milvus Lite: one collection for all cases, whose folder goes on changing.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from llama_index.core.node_parser.interface import NodeParser
from pymilvus import MilvusClient
from workflows.errors import WorkflowCancelledByUser

from alir import Alir, Settings
from alir.errors import IngestStopped, MilvusUnavailable
from alir.testing import HashEmbedding
from tests.soak.faults import Faults, Moment
from tests.soak.judge import chunks_of, difference, stored, whole_versions

CALLS = (
    "catalog.live_versions",
    "catalog.complete_versions",
    "catalog.count_chunks",
    "embedding.aget_text_embedding_batch",
    "node_parser.get_nodes_from_documents",
    "vector_store.async_add",
    "vector_store.adelete_nodes",
)


def texts(folder: Path, generation: int) -> dict[Path, str]:
    """Two files that change, one that stays, and one that comes and goes: 13 chunks."""
    words = [f"word{generation}x{number}" for number in range(60)]
    return {
        folder / "a.txt": " ".join(words),
        folder / "b.txt": " ".join(reversed(words)) + " and no more",
        folder / "stays.txt": "This never changes.",
        folder / f"{'even' if generation % 2 == 0 else 'odd'}.txt": f"Generation {generation}.",
    }


def write(folder: Path, generation: int) -> dict[Path, str]:
    """Make the folder that of a generation; return its texts."""
    wanted = texts(folder, generation)
    for path, text in wanted.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in set(folder.iterdir()) - wanted.keys():
        path.unlink()
    return wanted


@pytest.fixture
async def app(lite_file: Path) -> AsyncIterator[Alir]:
    settings = Settings.load(
        milvus_uri=str(lite_file),
        collection=f"steps_{uuid4().hex[:12]}",
        chunk_tokens=64,
        chunk_overlap_tokens=0,
    )
    async with Alir(settings, embedding=HashEmbedding(dim=8)) as app:
        app.shard.batch_chunks = 4
        yield app


def check_none_is_torn(
    rows: list[dict[str, object]],
    old: Mapping[Path, str],
    new: Mapping[Path, str],
    node_parser: NodeParser,
    case: str,
) -> None:
    """Every file that was there has its old version whole or its new one; none has another."""
    for path in old.keys() | new.keys():
        allowed = [chunks_of(one[path], node_parser) for one in (old, new) if path in one]
        held = whole_versions(rows, path)
        assert held or not (path in old and path in new), f"{case}: {path.name} is lost"
        assert all(one in allowed for one in held), f"{case}: {path.name} is torn"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_at_whatever_call_an_update_ends_every_file_is_whole_and_the_next_run_completes_it(
    app: Alir, tmp_path: Path, client: MilvusClient, how: str, moment: Moment
) -> None:
    collection = app.settings.collection
    node_parser = app.shard.node_parser
    old = write(tmp_path, 0)
    await app.ingest.run(paths=[tmp_path])
    assert not difference(stored(client, collection), old, node_parser)
    faults = Faults()
    faults.watch(app)
    tried: list[str] = []
    loop = asyncio.get_running_loop()
    # Runs that are alike may make one call more or less: what every number missed has its turn.
    missed: list[str] | None = None

    for generation in count(1):
        new = write(tmp_path, generation)
        cancelling: list[asyncio.Task[None]] = []

        def fail() -> None:
            if how == "fails":
                raise MilvusUnavailable("a fault of the test")
            loop.call_soon_threadsafe(
                lambda: cancelling.append(loop.create_task(handler.cancel_run()))  # noqa: B023
            )

        if missed is None:
            faults.plan(fail, call=len(tried) + 1, moment=moment)
        elif missed:
            faults.plan(fail, of=missed.pop(), moment=moment)
        else:
            break
        handler = app.ingest.run(paths=[tmp_path])
        try:
            await handler
        except (MilvusUnavailable, IngestStopped, WorkflowCancelledByUser):
            ended = True
        else:
            ended = False
        await asyncio.gather(*cancelling)
        if not faults.happened:
            assert missed is None, "a run made none of the calls that it should"
            missed = [name for name in CALLS if name not in tried]
            old = new
            continue
        case = f"{how} {moment} call {len(tried) + 1}, {faults.happened}"
        tried.append(faults.happened)
        assert ended or how == "is cancelled", f"{case}: nobody was told"
        check_none_is_torn(stored(client, collection), old, new, node_parser, case)
        faults.none()
        await app.ingest.run(paths=[tmp_path])
        assert not difference(stored(client, collection), new, node_parser), case
        old = new

    assert not difference(stored(client, collection), old, node_parser)
    print(f"\n{len(tried)} calls of an update, each {how} {moment} once: 0 lost, 0 torn")
    assert set(tried) >= {*CALLS}
