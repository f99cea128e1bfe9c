"""Sweep: only what the file system says is gone goes."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models import StoredSource, source_id
from alir.steps.sweep import sweep


@dataclass
class HeldFiles:
    """A catalog of these files."""

    paths: list[Path]
    half_written: list[Path] = field(default_factory=list)
    collection: str = "held"

    async def sources(self) -> AsyncIterator[StoredSource]:
        for path in self.paths:
            yield StoredSource(source_id(path), path, "v1")

    async def unfinished(self) -> AsyncIterator[StoredSource]:
        for path in self.half_written:
            yield StoredSource(source_id(path), path, "v2")

    async def versions(self, source_ids: Sequence[str]) -> dict[str, set[str]]:
        raise NotImplementedError

    async def chunks(self) -> int:
        raise NotImplementedError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "docs"
    folder.mkdir()
    return folder


async def swept(store: Any, paths: Sequence[Path], *roots: Path) -> list[Path]:
    """Sweep a store that holds two chunks of each path, and check that it now holds the rest."""
    store.add(
        [
            TextNode(
                id_=f"{path} {index}",
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source_id(path))},
            )
            for path in paths
            for index in (0, 1)
        ]
    )
    gone = await sweep(roots, catalog=HeldFiles(list(paths)), vector_store=store)
    kept = [path for path in paths if path not in gone]
    assert sorted(store.nodes) == sorted(f"{path} {index}" for path in kept for index in (0, 1))
    return gone


async def test_files_that_are_gone_go_and_the_others_stay(store: Any, root: Path) -> None:
    (root / "here.txt").write_text("words")

    gone = await swept(store, [root / "here.txt", root / "gone.txt", root / "gone" / "a.txt"], root)

    assert gone == [root / "gone.txt", root / "gone" / "a.txt"]


async def test_files_outside_the_roots_stay_whether_they_exist_or_not(
    store: Any, root: Path
) -> None:
    elsewhere = root.parent / "elsewhere.txt"
    beside = root.parent / "docs-old" / "a.txt"

    assert await swept(store, [elsewhere, beside], root) == []


async def test_a_file_that_became_hidden_or_a_link_goes(store: Any, root: Path) -> None:
    hidden = root / ".git" / "a.txt"
    hidden.parent.mkdir()
    hidden.write_text("words")
    link = root / "link.txt"
    link.symlink_to(hidden)

    assert await swept(store, [hidden, link], root) == [hidden, link]


async def test_a_file_that_cannot_be_looked_at_keeps_what_it_has(store: Any, root: Path) -> None:
    assert await swept(store, [root / ("long" * 100 + ".txt")], root) == []


async def test_a_root_that_is_a_file_and_gone_goes(store: Any, root: Path) -> None:
    assert await swept(store, [root / "a.txt"], root / "a.txt") == [root / "a.txt"]


async def test_an_empty_index_needs_no_sweeping(store: Any, root: Path) -> None:
    assert await swept(store, [], root) == []


async def test_what_a_crash_left_half_written_goes_but_only_below_the_roots(
    store: Any, root: Path
) -> None:
    here, gone, elsewhere = root / "here.txt", root / "gone.txt", root.parent / "elsewhere.txt"
    here.write_text("words")
    for path, versions in {here: ("v1", "v2"), gone: ("v2",), elsewhere: ("v2",)}.items():
        for version in versions:
            source = RelatedNodeInfo(node_id=source_id(path))
            metadata = {"version": version}
            node = TextNode(id_=f"{path.name} {version}", metadata=metadata)
            node.relationships[NodeRelationship.SOURCE] = source
            store.add([node])
    catalog = HeldFiles([here], half_written=[here, gone, elsewhere])

    assert await sweep([root], catalog=catalog, vector_store=store) == []

    assert sorted(store.nodes) == ["elsewhere.txt v2", "here.txt v1"]
