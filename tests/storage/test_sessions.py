"""Conversations: kept in a file, apart from each other, and there again after a restart."""

import asyncio
from itertools import chain
from pathlib import Path

import pytest

from alir.errors import SessionsFailed
from alir.storage.sessions import SqliteSessions


async def test_what_was_asked_is_there_after_a_restart_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.sessions"
    before = SqliteSessions(path, "notes")
    assert await before.asked_questions("mine") == []
    await before.add("mine", "Who sleeps?", "Cats. [1]")
    await before.add("mine", "When?", "At noon. [1]")

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
