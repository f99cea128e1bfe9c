"""The judge of a whole index sees each way in which ledger and collections can be wrong."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from alir import Alir, Settings
from alir.testing import HashEmbedding
from tests.soak.damage import damage
from tests.soak.index_judge import IndexJudge

FILES = 5
A_VERSION, A_TOKEN, A_STAGE, A_PATH = (
    f"UPDATE source SET {what} WHERE source_id = (SELECT min(source_id) FROM source)"  # noqa: S608
    for what in (
        "version = 'x'",
        "generation = 1",
        "stage = 'written'",
        "path = CAST('/gone.txt' AS BLOB)",
    )
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    uri = str(tmp_path / "milvus.db")
    return Settings.load(
        milvus_uri=uri, collection="judged", chunk_tokens=64, chunk_overlap_tokens=8
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "docs"
    folder.mkdir()
    for number in range(FILES):
        words = "".join(f"Bee {number} makes {count} pots of honey.\n" for count in range(20))
        (folder / f"{number}.txt").write_text(words)
    return folder


@pytest.fixture
def judge(settings: Settings) -> IndexJudge:
    return IndexJudge(
        settings.milvus_uri.get_secret_value(),
        settings.collection,
        settings.ledger_path,
        overlap_tokens=8,
    )


async def ingest(settings: Settings, folder: Path) -> None:
    async with Alir(settings, embedding=HashEmbedding()) as app:
        await app.ingest.run(paths=[folder])


async def test_an_index_that_is_right_has_no_fault_also_after_a_rebuild_and_a_rollback(
    settings: Settings, folder: Path, judge: IndexJudge
) -> None:
    assert judge.look().live == "", "there is none yet"
    await ingest(settings, folder)
    look = judge.look()
    assert (look.live, look.previous, look.chunk_tokens) == ("judged", "", 64)
    assert not judge.difference(look, folder)
    assert judge.ledger_faults(look, folder) == ([], [])

    other = settings.model_copy(update={"chunk_tokens": 96})
    async with Alir(other, embedding=HashEmbedding()) as app:
        await app.rebuild.run()
    look = judge.look()
    assert (look.live, look.previous, look.chunk_tokens) == ("judged__1", "judged", 96)
    assert look.collections == {"judged", "judged__1"}
    assert not judge.difference(look, folder)
    async with Alir(other, embedding=HashEmbedding()) as app:
        await app.collection_versions.roll_back()
    look = judge.look()
    assert (look.live, look.previous, look.chunk_tokens) == ("judged", "judged__1", 64)


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        (A_VERSION, [1, 0]),
        (A_TOKEN, [1, 0]),
        (A_STAGE, [0, 1]),
        (A_PATH, [2, 0]),
        ("UPDATE source SET chunks = chunks + 1", [FILES, 0]),
        ("DELETE FROM source", [FILES, 0]),
        ("INSERT INTO failure VALUES ('judged', CAST('/a' AS BLOB), 'why', 1, 0, 0, 0)", [0, 1]),
    ],
)
async def test_each_fault_of_a_ledger_is_counted(
    settings: Settings, folder: Path, judge: IndexJudge, statement: str, faults: list[int]
) -> None:
    await ingest(settings, folder)
    with closing(sqlite3.connect(settings.ledger_path)) as ledger, ledger:
        assert ledger.execute(statement).rowcount

    assert [*map(len, judge.ledger_faults(judge.look(), folder))] == faults


async def test_damage_is_a_loss_a_row_twice_and_a_row_of_no_file(
    settings: Settings, folder: Path, judge: IndexJudge
) -> None:
    await ingest(settings, folder)
    damage(settings.milvus_uri.get_secret_value(), "judged", Random(1))  # noqa: S311

    found = judge.difference(judge.look(), folder)
    assert [*map(len, (found.lost, found.doubled, found.orphaned))] == [3, 1, 1]


def test_a_ledger_that_is_not_there_has_a_fault_for_each_file(
    folder: Path, judge: IndexJudge
) -> None:
    assert len(judge.ledger_faults(judge.look(), folder)[0]) == FILES
