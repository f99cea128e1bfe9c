"""Conversations: kept in a file, apart from each other, and there again after a restart."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

import pytest

from alir.errors import SessionsFailed
from alir.storage.sessions import TABLE, SqliteSessions
from tests.forked import in_child


async def test_what_was_asked_is_there_after_a_restart_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.sessions"
    before = SqliteSessions(path, "notes")
    assert await before.asked_questions("mine") == []
    await before.add_turn("mine", "Who sleeps?", "Cats. [1]")
    await before.add_turn("mine", "When?", "At noon. [1]")

    assert await SqliteSessions(path, "notes").asked_questions("mine") == ["Who sleeps?", "When?"]


async def test_sessions_and_collections_are_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.sessions"
    await SqliteSessions(path, "notes").add_turn("mine", "Who sleeps?", "Cats.")
    assert await SqliteSessions(path, "notes").asked_questions("yours") == []
    assert await SqliteSessions(path, "others").asked_questions("mine") == []
    assert await SqliteSessions(path, "notes").asked_questions("'; drop table messages; --") == []
    for other in (
        SqliteSessions(path, "others"),
        SqliteSessions(path, "note_"),
        SqliteSessions(path, "note%"),
    ):
        assert await other.list_sessions("", limit=9) == []
        assert await other.list_turns("mine", limit=9) == []
        assert not await other.delete_session("mine")
    for name in ("yours", "min_", "%", "MINE", "mine/", "mine "):
        assert not await SqliteSessions(path, "notes").delete_session(name)
    for folder in ("mine", "%", "_", "min"):
        assert await SqliteSessions(path, "notes").list_sessions(folder, limit=9) == []
    assert await SqliteSessions(path, "notes").asked_questions("mine") == ["Who sleeps?"]


async def test_many_sessions_at_once_lose_nothing(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "a.sessions", "notes")
    await asyncio.gather(*(sessions.add_turn(f"s{n % 4}", f"Question {n}?", "") for n in range(20)))
    kept = await asyncio.gather(*(sessions.asked_questions(f"s{n}") for n in range(4)))
    assert sorted(chain.from_iterable(kept)) == sorted(f"Question {n}?" for n in range(20))


async def test_a_file_that_is_none_is_an_error_that_names_it_and_is_left_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.sessions"
    path.write_text("a poem, and no database at all\n" * 100)
    with pytest.raises(SessionsFailed, match=r"a\.sessions"):
        await SqliteSessions(path, "notes").asked_questions("mine")
    assert path.read_text().startswith("a poem")


def test_another_event_loop_reads_the_same(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "a.sessions", "notes")
    asyncio.run(sessions.add_turn("mine", "Who sleeps?", "Cats."))
    assert asyncio.run(sessions.asked_questions("mine")) == ["Who sleeps?"]


def test_callers_of_several_loops_at_once_and_a_forked_child_read_the_same(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "a.sessions", "notes")

    async def talk(name: str) -> list[str]:
        async def turn(number: int) -> None:
            await sessions.add_turn(f"{name}-{number}", "Do cats sleep?", "Yes.")

        await asyncio.gather(*(turn(number) for number in range(8)))
        return await sessions.asked_questions(f"{name}-0")

    with ThreadPoolExecutor(4) as threads:
        loops = list(threads.map(lambda name: asyncio.run(talk(name)), "abcd"))
    child = in_child(lambda: asyncio.run(talk("child")))

    assert [*loops, child] == [["Do cats sleep?"]] * 5
    assert asyncio.run(sessions.asked_questions("child-7")) == ["Do cats sleep?"]


def _drop_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"DROP TABLE {TABLE}")


@pytest.mark.parametrize("harm", [Path.unlink, _drop_table, lambda path: path.write_bytes(b"")])
async def test_a_file_that_was_harmed_under_a_running_program_is_used_again(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    sessions = SqliteSessions(tmp_path / "a.sessions", "notes")
    await sessions.add_turn("s", "Do cats sleep?", "Yes.")
    harm(sessions.path)

    with suppress(SessionsFailed):
        await sessions.add_turn("s", "Do dogs bark?", "Yes.")
    await sessions.add_turn("s", "Do bees hum?", "Yes.")

    assert (await sessions.asked_questions("s"))[-1] == "Do bees hum?"
    assert stat.S_IMODE(sessions.path.stat().st_mode) == 0o600


async def test_the_file_and_a_new_folder_of_it_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        sessions = SqliteSessions(tmp_path / "new" / "a.sessions", "notes")
        await sessions.add_turn("s", "Do cats sleep?", "Yes.")
    finally:
        os.umask(before)

    assert stat.S_IMODE(sessions.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(sessions.path.parent.stat().st_mode) == 0o700
