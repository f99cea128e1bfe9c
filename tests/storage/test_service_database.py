"""The service's file: what is looked up at each request is read at once, and is never old."""

import asyncio
import sqlite3
from pathlib import Path

from alir.storage import keys
from alir.storage.service_database import ServiceDatabase, open_service_database


async def test_a_look_needs_no_thread_and_sees_what_another_program_has_just_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.service"
    database = ServiceDatabase(path)
    nobody = await database.read_committed(keys.check_secret, None)  # opens the file
    with open_service_database(path) as db:
        secret = keys.add(db, "one", "read")
    looking = database.read_committed(keys.check_secret, secret)
    try:
        looking.send(None)
    except StopIteration as ended:
        there = ended.value
    with open_service_database(path) as db:
        keys.revoke(db, "one")
    gone = await database.read_committed(keys.check_secret, secret)
    await database.aclose()

    assert (nobody.key, nobody.any_exist) == (None, False)
    assert there.key is not None
    assert there.key.name == "one"
    assert (gone.key, gone.any_exist) == (None, True)


async def test_a_look_while_another_program_writes_waits_for_that_and_holds_nobody_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.service"
    with open_service_database(path) as db:
        secret = keys.add(db, "one", "read")
    database = ServiceDatabase(path)
    await database.read_committed(keys.check_secret, secret)
    writing = sqlite3.connect(path, isolation_level=None)
    writing.execute("BEGIN EXCLUSIVE")
    looking = asyncio.create_task(database.read_committed(keys.check_secret, secret))
    await asyncio.sleep(0.05)
    waited = not looking.done()
    keys.revoke(writing, "one")
    writing.execute("COMMIT")
    writing.close()
    found = await looking
    await database.aclose()

    assert waited
    assert (found.key, found.any_exist) == (None, True)
