"""The oracle of the fault tests sees each way in which a collection can differ from a folder."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from llama_index.core.schema import TextNode

from alir import AlirMilvusStore
from tests.soak.changing_folder import ChangingFolder
from tests.soak.judge import Difference
from tests.soak.mirror import Mirror

MOON = "The moon is made of green basalt."
TEA = "Green tea is steeped for two minutes."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "below").mkdir(parents=True)
    (folder / "moon.txt").write_text(MOON)
    (folder / "below" / "tea.txt").write_text(TEA)
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(str(tmp_path / "milvus.db"), "mirrored")


def row(path: Path, text: str, *, version: str = "1", index: int = 0) -> dict[str, Any]:
    return {"file_path": str(path), "version": version, "chunk_index": index, "text": text}


@pytest.fixture
def rows(folder: Path) -> list[dict[str, Any]]:
    return [row(folder / "moon.txt", MOON), row(folder / "below" / "tea.txt", TEA)]


def counts(found: Difference) -> tuple[int, int, int]:
    return len(found.lost), len(found.doubled), len(found.orphaned)


def test_rows_that_are_the_folder_do_not_differ(
    mirror: Mirror, folder: Path, rows: list[dict[str, Any]]
) -> None:
    assert not mirror.compare(folder, rows)


def test_a_row_that_is_missing_is_lost(
    mirror: Mirror, folder: Path, rows: list[dict[str, Any]]
) -> None:
    assert counts(mirror.compare(folder, rows[1:])) == (1, 0, 0)
    assert counts(mirror.compare(folder, [])) == (2, 0, 0)


def test_a_row_that_is_there_twice_is_doubled(
    mirror: Mirror, folder: Path, rows: list[dict[str, Any]]
) -> None:
    assert counts(mirror.compare(folder, [*rows, rows[0]])) == (0, 1, 0)


def test_an_old_version_beside_the_new_one_is_doubled_and_its_text_orphaned(
    mirror: Mirror, folder: Path, rows: list[dict[str, Any]]
) -> None:
    old = row(folder / "moon.txt", "The moon is made of rice.", version="0")
    assert counts(mirror.compare(folder, [*rows, old])) == (0, 1, 1)


def test_rows_of_a_file_that_is_gone_or_of_a_part_that_is_cut_off_are_orphaned(
    mirror: Mirror, folder: Path, rows: list[dict[str, Any]]
) -> None:
    left = row(folder / "moon.txt", "And of cheese.", index=1)
    assert counts(mirror.compare(folder, [*rows, left])) == (0, 0, 1)
    (folder / "moon.txt").unlink()
    assert counts(mirror.compare(folder, rows)) == (0, 0, 1)


def test_an_id_with_two_rows_is_doubled_though_a_query_shows_one(
    mirror: Mirror, folder: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert counts(mirror.divergence(folder)) == (2, 0, 0), "there is no collection yet"
    store = AlirMilvusStore(
        str(tmp_path / "milvus.db"), collection_name="mirrored", dim=2, enable_sparse=None
    )
    nodes = [
        TextNode(id_=str(i), text=one.pop("text"), metadata=one, embedding=[1.0, float(i)])
        for i, one in enumerate(rows)
    ]
    store.add(nodes)
    store.close()
    assert not mirror.divergence(folder)
    store.add(nodes[:1])
    store.close()
    assert counts(mirror.divergence(folder)) == (0, 1, 0)


def test_a_folder_changes_the_same_way_for_the_same_seed(tmp_path: Path) -> None:
    def texts(name: str, seed: int) -> dict[str, str]:
        random = Random(seed)  # noqa: S311  to be had again
        folder = ChangingFolder(tmp_path / name, random, files=5)
        folder.change(30)
        paths = [path for path in folder.root.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder.root)): path.read_text() for path in paths}

    assert texts("one", 1) == texts("another", 1) != texts("a third", 2)
