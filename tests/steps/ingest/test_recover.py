"""Recover: what a newer version replaced goes, and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import (
    StoredSource,
    StoredVersion,
    generation_after,
    head_id,
    source_id,
)
from alir.models.records import SourceRecord
from alir.steps.ingest.recover import IndexState, prune, read_index, recover


def file(path: Path, generation: int, *, complete: bool = True) -> list[TextNode]:
    """Two chunks; generation 3 of a.txt is a-3-0, the head, and a-3-1."""
    metadata = {"file_path": str(path), "version": f"v{generation}", "generation": generation}
    return [
        TextNode(
            id_=f"{path.stem}-{generation}-{index}",
            metadata=metadata | ({"chunk_count": 2} if complete and index == 0 else {}),
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source_id(path))},
        )
        for index in ((0, 1) if complete else (1,))
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "docs"
    folder.mkdir()
    return folder


async def recovered(store: Any, catalog: Any, root: Path, ledger: Any = None) -> list[Any]:
    held = await read_index([root], catalog=catalog)
    return await recover(held, catalog=catalog, vector_store=store, ledger=ledger)


async def test_a_version_that_a_newer_one_replaced_goes(
    store: Any, catalog: Any, root: Path
) -> None:
    a, b, c = (root / f"{name}.txt" for name in "abc")
    a.write_text("words")
    for path in (b, c):
        path.write_text("words")
    store.add(file(a, 3) + file(a, 4) + file(b, 0) + file(b, 1) + file(b, 2) + file(c, 9))

    assert await recovered(store, catalog, root) == []

    assert sorted(store.nodes) == ["a-4-0", "a-4-1", "b-2-0", "b-2-1", "c-9-0", "c-9-1"]


async def test_a_version_that_is_not_complete_replaces_nothing(
    store: Any, catalog: Any, root: Path
) -> None:
    a = root / "a.txt"
    store.add(file(a, 0) + file(a, 1, complete=False))

    assert await recovered(store, catalog, root) == []

    assert sorted(store.nodes) == ["a-0-0", "a-0-1"], "and was abandoned long ago"


async def test_files_outside_the_roots_are_left_alone(store: Any, catalog: Any, root: Path) -> None:
    elsewhere = root.parent / "elsewhere.txt"
    store.add(file(elsewhere, 0) + file(elsewhere, 1))

    assert await recovered(store, catalog, root) == []
    assert len(store.nodes) == 4


async def test_what_is_gone_is_told_by_its_content(store: Any, catalog: Any, root: Path) -> None:
    (root / "here.txt").write_text("words")
    for name in ("here", "gone", "gone too"):
        head, other = file(root / f"{name}.txt", 0)
        head.metadata["content_hash"] = f"hash of {name}"
        store.add([head, other])
    store.add(file(root.parent / "elsewhere.txt", 0))

    held = await read_index([root], catalog=catalog)

    assert {one.content_hash for one in held.gone} == {"hash of gone", "hash of gone too"}
    ids = frozenset(source_id(root / f"{name}.txt") for name in ("here", "gone", "gone too"))
    assert held == IndexState(
        (root,), frozenset(), ids, files=3, chunks=6, superseded=[], gone=held.gone
    )


def chunks(name: str, generation: int, *, is_complete: bool = True) -> list[TextNode]:
    """Two chunks, the first of which is the head; only the second of a version half written."""
    path = Path("/docs", name)
    metadata = {"file_path": str(path), "version": f"v{generation}", "generation": generation}
    return [
        TextNode(
            id_=f"{name}-{generation}-{index}",
            metadata=metadata | ({"chunk_count": 2} if index == 0 else {}),
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source_id(path))},
        )
        for index in ((0, 1) if is_complete else (1,))
    ]


async def test_only_whole_newest_versions_of_wanted_files_stay(store: Any, catalog: Any) -> None:
    store.add(chunks("a", 3) + chunks("a", 4) + chunks("gone", 0))
    store.add(chunks("b", 0) + chunks("b", 7, is_complete=False))
    wanted = {source_id(Path("/docs", name)) for name in ("a", "b")}

    await prune(wanted, catalog=catalog, vector_store=store)

    assert {*store.nodes} == {"a-4-0", "a-4-1", "b-0-0", "b-0-1"}


async def test_of_an_index_that_is_whole_nothing_goes(store: Any, catalog: Any) -> None:
    store.add(chunks("a", 3))
    store.log.clear()
    await prune({source_id(Path("/docs/a"))}, catalog=catalog, vector_store=store)
    assert store.log == []


NOW = generation_after()


async def test_what_another_machine_may_be_writing_stays(
    store: Any, catalog: Any, root: Path, ledger: Any
) -> None:
    a, b = root / "a.txt", root / "b.txt"
    store.add(file(a, 4) + file(a, NOW, complete=False) + file(b, NOW, complete=False))

    assert await recovered(store, catalog, root, ledger) == []
    assert len(store.nodes) == 4

    # Of the ledger's own runs none is under way: who looks has its lock.
    known = SourceRecord(source_id(a), a, 5, 0, "", f"v{NOW}", 0, "written", generation=NOW)
    await ledger.record_sources([known])
    assert await recovered(store, catalog, root, ledger) == []
    assert sorted(store.nodes) == ["a-4-0", "a-4-1", f"b-{NOW}-1"]


async def test_an_incomplete_version_that_a_later_one_replaced_goes(
    store: Any, catalog: Any, root: Path
) -> None:
    a = root / "a.txt"
    store.add(file(a, NOW, complete=False) + file(a, NOW + 1))

    await recovered(store, catalog, root)

    assert sorted(store.nodes) == [f"a-{NOW + 1}-0", f"a-{NOW + 1}-1"]


async def test_a_file_that_lost_a_chunk_is_told(store: Any, catalog: Any, root: Path) -> None:
    store.add(file(root / "a.txt", 4)[:1] + file(root / "b.txt", 4))

    [damaged] = await recovered(store, catalog, root)

    assert damaged.source.path == root / "a.txt"
    assert damaged.problem == "the index holds 1 of its 2 chunks"
    assert len(store.nodes) == 3


class Incomplete:
    """A catalog that leaves the heads out of one answer."""

    def __init__(self, catalog: Any) -> None:
        self.existing_chunks, self.count_chunks = catalog.existing_chunks, catalog.count_chunks
        self._catalog = catalog

    async def complete_versions(self, **_: Any) -> AsyncIterator[StoredSource]:
        for none in ():
            yield none

    async def stored_versions(self, **options: Any) -> list[StoredVersion]:
        return [
            StoredVersion(replace(one.source, chunks=0, content_hash=""), one.chunks - 1)
            for one in await self._catalog.stored_versions(**options)
        ]


async def test_no_row_goes_for_one_incomplete_answer(store: Any, catalog: Any, root: Path) -> None:
    nodes = file(root / "a.txt", 4)
    nodes[0].id_ = head_id(source_id(root / "a.txt"), 4)
    store.add(nodes)

    await recovered(store, Incomplete(catalog), root)

    assert len(store.nodes) == 2
