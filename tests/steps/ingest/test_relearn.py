"""Relearn: a ledger made again from the index knows what is in it, and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import source_id
from alir.models.records import SourceRecord
from alir.steps.ingest.relearn import relearn
from alir.storage.ledger import SqliteLedger

HERE = Path("/docs/here.txt")


def chunk(path: Path, index: int, **metadata: Any) -> TextNode:
    source = RelatedNodeInfo(node_id=source_id(path))
    return TextNode(
        id_=f"{path} {index}",
        metadata={"file_path": str(path), "version": "v1", **metadata},
        relationships={NodeRelationship.SOURCE: source},
    )


async def test_what_the_index_holds_is_known_and_what_it_does_not_is_forgotten(
    store: Any, catalog: Any, ledger: SqliteLedger
) -> None:
    await ledger.record([SourceRecord("old", Path("/docs/old.txt"), 1, 1, "h", "v", 1, "written")])
    await ledger.failed({Path("/docs/bad.txt"): "cannot be read"}, 17.0)
    store.add([chunk(HERE, 0, chunk_count=2, content_hash="words"), chunk(HERE, 1)])
    store.add([chunk(Path("/docs/half.txt"), 1)])

    assert await relearn(catalog=catalog, ledger=ledger) == 1

    assert [one async for one in ledger.all()] == [
        SourceRecord(source_id(HERE), HERE, 0, 0, "words", "v1", 2, "settled")
    ]
    assert [one.path for one in await ledger.failures()] == [Path("/docs/bad.txt")]


async def test_an_index_that_cannot_be_read_leaves_the_ledger_as_it_was(
    catalog: Any, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = SourceRecord("old", Path("/docs/old.txt"), 1, 1, "h", "v", 1, "settled")
    await ledger.record([known])

    async def failing() -> AsyncIterator[Any]:
        raise ConnectionError
        yield

    monkeypatch.setattr(catalog, "complete_versions", failing)
    with pytest.raises(ConnectionError):
        await relearn(catalog=catalog, ledger=ledger)

    assert [one async for one in ledger.all()] == [known]
