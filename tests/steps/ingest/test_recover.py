"""Recover: what a newer version replaced goes, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import source_id
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


async def test_a_version_that_a_newer_one_replaced_goes(
    store: Any, catalog: Any, root: Path
) -> None:
    a, b, c = (root / f"{name}.txt" for name in "abc")
    a.write_text("words")
    store.add(file(a, 3) + file(a, 4) + file(b, 0) + file(b, 1) + file(b, 2) + file(c, 9))

    held = await read_index([root], catalog=catalog)
    await recover(held.superseded, vector_store=store)

    assert sorted(store.nodes) == ["a-4-0", "a-4-1", "b-2-0", "b-2-1", "c-9-0", "c-9-1"]


async def test_a_version_that_is_not_complete_replaces_nothing(
    store: Any, catalog: Any, root: Path
) -> None:
    a = root / "a.txt"
    store.add(file(a, 0) + file(a, 1, complete=False))

    held = await read_index([root], catalog=catalog)
    await recover(held.superseded, vector_store=store)

    assert sorted(store.nodes) == ["a-0-0", "a-0-1", "a-1-1"]


async def test_files_outside_the_roots_are_left_alone(store: Any, catalog: Any, root: Path) -> None:
    elsewhere = root.parent / "elsewhere.txt"
    store.add(file(elsewhere, 0) + file(elsewhere, 1))

    held = await read_index([root], catalog=catalog)
    await recover(held.superseded, vector_store=store)
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
    assert held == IndexState(versions=4, below=3, superseded=[], gone=held.gone)


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
