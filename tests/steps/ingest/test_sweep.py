"""Sweep: only what the file system says is gone goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.errors import TooManyDeletions
from alir.models.files import source_id
from alir.steps.ingest.sweep import SweepResult, sweep


def chunk(path: Path, index: int, version: str = "v1", *, complete: bool = True) -> TextNode:
    """One of a file's two chunks; the file's name is its content."""
    metadata: dict[str, Any] = {"file_path": str(path), "version": version, "generation": 0}
    if complete and index == 0:
        metadata |= {"chunk_count": 2, "content_hash": path.name}
    return TextNode(
        id_=f"{path} {version} {index}",
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source_id(path))},
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "docs"
    folder.mkdir()
    return folder


async def swept(store: Any, catalog: Any, paths: Sequence[Path], *roots: Path) -> list[Path]:
    """Sweep a store that holds two chunks of each path, and check that it now holds the rest."""
    store.add([chunk(path, index) for path in paths for index in (0, 1)])
    gone = (await sweep(roots, catalog=catalog, vector_store=store)).deleted
    kept = [path for path in paths if path not in gone]
    assert sorted(store.nodes) == sorted(f"{path} v1 {index}" for path in kept for index in (0, 1))
    return gone


async def test_files_that_are_gone_go_and_the_others_stay(
    store: Any, catalog: Any, root: Path
) -> None:
    (root / "here.txt").write_text("words")

    gone = await swept(
        store, catalog, [root / "here.txt", root / "gone.txt", root / "gone" / "a.txt"], root
    )

    assert gone == [root / "gone.txt", root / "gone" / "a.txt"]


async def test_files_outside_the_roots_stay_whether_they_exist_or_not(
    store: Any, catalog: Any, root: Path
) -> None:
    elsewhere = root.parent / "elsewhere.txt"
    beside = root.parent / "docs-old" / "a.txt"

    assert await swept(store, catalog, [elsewhere, beside], root) == []


async def test_a_file_that_became_hidden_or_a_link_goes(
    store: Any, catalog: Any, root: Path
) -> None:
    hidden = root / ".git" / "a.txt"
    hidden.parent.mkdir()
    hidden.write_text("words")
    link = root / "link.txt"
    link.symlink_to(hidden)

    assert await swept(store, catalog, [hidden, link], root) == [hidden, link]


async def test_a_file_that_cannot_be_looked_at_keeps_what_it_has(
    store: Any, catalog: Any, root: Path
) -> None:
    assert await swept(store, catalog, [root / ("long" * 100 + ".txt")], root) == []


async def test_a_root_that_is_a_file_and_gone_goes(store: Any, catalog: Any, root: Path) -> None:
    assert await swept(store, catalog, [root / "a.txt"], root / "a.txt") == [root / "a.txt"]


async def test_an_empty_index_needs_no_sweeping(store: Any, catalog: Any, root: Path) -> None:
    assert await swept(store, catalog, [], root) == []


async def test_what_a_crash_left_half_written_goes_but_only_below_the_roots(
    store: Any, catalog: Any, root: Path
) -> None:
    here, gone, elsewhere = root / "here.txt", root / "gone.txt", root.parent / "elsewhere.txt"
    here.write_text("words")
    store.add([chunk(here, 0), chunk(here, 1)])
    store.add([chunk(path, 1, "v2", complete=False) for path in (here, gone, elsewhere)])

    assert await sweep([root], catalog=catalog, vector_store=store) == SweepResult(
        held=frozenset({source_id(here)}), chunks=3
    )

    assert sorted(store.nodes) == [f"{here} v1 0", f"{here} v1 1", f"{elsewhere} v2 1"]


async def test_a_file_that_was_found_elsewhere_was_moved_not_deleted(
    store: Any, catalog: Any, root: Path
) -> None:
    paths = [root / "old" / "a.txt", root / "b.txt"]
    store.add([chunk(path, index) for path in paths for index in (0, 1)])

    swept = await sweep([root], catalog=catalog, vector_store=store, moved={"a.txt"})

    assert (swept.deleted, swept.moved) == ([root / "b.txt"], [root / "old" / "a.txt"])
    assert set(swept.source_ids) == {source_id(path) for path in paths}
    assert store.nodes == {}


@pytest.mark.parametrize(
    ("counts", "stops"),
    [((11, 10), True), ((11, 11), False), ((10, 0), False), ((30, 2), True)],
    ids=str,
)
async def test_to_delete_more_than_half_and_more_than_ten_needs_to_be_said(
    store: Any, catalog: Any, root: Path, counts: tuple[int, int], stops: bool
) -> None:
    gone, here = counts
    kept = [root / f"here{number}.txt" for number in range(here)]
    for path in kept:
        path.write_text("words")
    lost = [root / f"gone{number}.txt" for number in range(gone)]
    store.add([chunk(path, 0) for path in [*kept, *lost]])
    store.log.clear()

    if stops:
        with pytest.raises(TooManyDeletions, match=f"{gone} of the {gone + here} files.*--delete"):
            await sweep([root], catalog=catalog, vector_store=store)
        assert store.log == [], "nothing was deleted"
        some = {path.name for path in lost[10:]}
        swept = await sweep([root], catalog=catalog, vector_store=store, moved=some)
        assert len(swept.deleted) == 10, "what was moved is not lost"
    else:
        await sweep([root], catalog=catalog, vector_store=store)
        assert len(store.nodes) == here


async def test_files_elsewhere_do_not_make_a_loss_look_small(
    store: Any, catalog: Any, root: Path
) -> None:
    lost = [root / f"gone{number}.txt" for number in range(12)]
    elsewhere = [root.parent / "other" / f"{number}.txt" for number in range(100)]
    store.add([chunk(path, 0) for path in [*lost, *elsewhere]])

    with pytest.raises(TooManyDeletions, match="12 of the 12 files"):
        await sweep([root], catalog=catalog, vector_store=store)


async def test_who_says_so_may_delete_all(store: Any, catalog: Any, root: Path) -> None:
    paths = [root / f"{number}.txt" for number in range(20)]
    store.add([chunk(path, 0) for path in paths])

    swept = await sweep([root], catalog=catalog, vector_store=store, delete_many=True)

    assert sorted(swept.deleted) == sorted(paths)
    assert store.nodes == {}


async def test_a_root_that_holds_nothing_any_more_is_not_taken_at_its_word(
    store: Any, catalog: Any, root: Path
) -> None:
    full = root.parent / "full"
    full.mkdir()
    kept = [full / f"{number}.txt" for number in range(5)]
    for path in kept:
        path.write_text("words")
    store.add([chunk(path, 0) for path in [*kept, root / "a.txt"]])
    store.log.clear()

    with pytest.raises(TooManyDeletions, match=r"1 of the 6 files.*docs/a\.txt.*mounted"):
        await sweep([full, root], catalog=catalog, vector_store=store, empty=[root])
    assert store.log == []

    both = [full, root]
    swept = await sweep(both, catalog=catalog, vector_store=store, empty=[root], delete_many=True)
    assert swept.deleted == [root / "a.txt"]
