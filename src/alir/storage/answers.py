"""Answers that were given, kept in the service's file for a while so that they can be rated."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from alir.errors import AlirError
from alir.models.kept_answers import GivenAnswer, KeptAnswer, RatedAnswer, Rating
from alir.storage.service_database import ServiceDatabase
from alir.storage.sqlite_file import transaction

KEPT_DAYS = 30
"""Of unrated answers."""
RATED_KEPT = 10_000
"""Of each tenant, the last ones."""
GATHER_S = 0.25
"""Between two writes: the file is synced at each, and keys are looked up on the same thread."""

_log = logging.getLogger(__name__)


class AnswerStore:
    """Keeps the answers of one collection; no answer waits for the disk.

    Args:
        most: how many unrated answers are kept of each tenant; 0 keeps none.
    """

    def __init__(self, database: ServiceDatabase, collection: str, *, most: int) -> None:
        self._database = database
        self._collection = collection
        self._most = most
        self._new: list[GivenAnswer] = []
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Delete the unrated answers that are too old or too many."""
        await self._database.run_in_thread(_delete_unrated, self._collection, self._most)

    async def stop(self) -> None:
        """Write what is not yet written."""
        if self._writing is not None:
            self._writing.cancel()
        await self.flush()

    def keep(self, id_: str, tenant: str, answer: KeptAnswer) -> None:
        """Keep an answer; what comes within a quarter of a second is written at once."""
        if not self._most:
            return
        self._new.append(GivenAnswer(id_, tenant, _now_ms(), answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Write what is not yet written."""
        new, self._new = self._new, []
        if not new:
            return
        try:
            await self._database.run_in_thread(_add, self._collection, new, self._most)
        except AlirError as error:
            _log.error("%s %d answers cannot be rated.", error, len(new))

    async def rate(self, tenant: str, id_: str, rating: Rating, comment: str) -> bool:
        """Rate an answer of a tenant, in place of its last rating; False if it is not kept."""
        await self.flush()
        return await self._database.run_in_thread(
            _rate, self._collection, tenant, id_, rating=rating, comment=comment
        )

    async def rated_answers(
        self, tenant: str | None, *, limit: int, after: tuple[int, str] | None
    ) -> list[RatedAnswer]:
        """Return rated answers, the last rated first; of all tenants if `tenant` is None."""
        return await self._database.run_in_thread(
            _rated_answers, self._collection, tenant, limit, after
        )

    async def delete_rated(self, tenant: str | None, id_: str) -> RatedAnswer | None:
        """Delete a rated answer, and return it; None if there is none."""
        return await self._database.run_in_thread(_delete_rated, self._collection, tenant, id_)

    async def _write(self) -> None:
        while self._new:
            await asyncio.sleep(GATHER_S)
            await self.flush()
        self._writing = None


_COLUMNS = "id, tenant, at_ms, told, rating, comment, rated_ms"
_VISIBLE = "collection = ? AND (? IS NULL OR tenant = ?) AND rating IS NOT NULL"


def _add(db: sqlite3.Connection, collection: str, new: Sequence[GivenAnswer], most: int) -> None:
    rows = [
        (one.id, collection, one.tenant, one.at_ms, one.answer.model_dump_json()) for one in new
    ]
    with transaction(db):
        db.executemany(
            "INSERT INTO answer (id, collection, tenant, at_ms, told) VALUES (?, ?, ?, ?, ?)", rows
        )
        for tenant in {one.tenant for one in new}:
            _delete_unrated_of(db, collection, tenant, most)


def _rate(
    db: sqlite3.Connection, collection: str, tenant: str, id_: str, *, rating: str, comment: str
) -> bool:
    with transaction(db):
        changed = db.execute(
            "UPDATE answer SET rating = ?, comment = ?, rated_ms = ? "
            "WHERE id = ? AND collection = ? AND tenant = ?",
            (rating, comment, _now_ms(), id_, collection, tenant),
        )
        mine = "collection = ? AND tenant = ? AND rating IS NOT NULL"
        db.execute(
            f"DELETE FROM answer WHERE {mine} AND (rated_ms, id) <= "  # noqa: S608
            f"(SELECT rated_ms, id FROM answer WHERE {mine} "
            "ORDER BY rated_ms DESC, id DESC LIMIT 1 OFFSET ?)",
            (collection, tenant, collection, tenant, RATED_KEPT),
        )
    return bool(changed.rowcount)


def _rated_answers(
    db: sqlite3.Connection,
    collection: str,
    tenant: str | None,
    limit: int,
    after: tuple[int, str] | None,
) -> list[RatedAnswer]:
    before = "" if after is None else "AND (rated_ms, id) < (?, ?) "
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM answer WHERE {_VISIBLE} {before}"  # noqa: S608
        "ORDER BY rated_ms DESC, id DESC LIMIT ?",
        (collection, tenant, tenant, *(after or ()), limit),
    )
    return [_of(row) for row in rows]


def _delete_rated(
    db: sqlite3.Connection, collection: str, tenant: str | None, id_: str
) -> RatedAnswer | None:
    # One statement, so no transaction: all rows are read, or it would not be finished.
    rows = db.execute(
        f"DELETE FROM answer WHERE id = ? AND {_VISIBLE} RETURNING {_COLUMNS}",  # noqa: S608
        (id_, collection, tenant, tenant),
    ).fetchall()
    return _of(rows[0]) if rows else None


def _delete_unrated(db: sqlite3.Connection, collection: str, most: int) -> None:
    query = "SELECT DISTINCT tenant FROM answer WHERE collection = ? AND rating IS NULL"
    with transaction(db):
        for (tenant,) in db.execute(query, (collection,)).fetchall():
            _delete_unrated_of(db, collection, tenant, most)


def _delete_unrated_of(db: sqlite3.Connection, collection: str, tenant: str, most: int) -> None:
    mine = "collection = ? AND tenant = ? AND rating IS NULL"
    oldest_ms = _now_ms() - KEPT_DAYS * 24 * 3600 * 1000
    db.execute(
        f"DELETE FROM answer WHERE {mine} AND (at_ms < ? OR number <= "  # noqa: S608
        f"(SELECT number FROM answer WHERE {mine} ORDER BY number DESC LIMIT 1 OFFSET ?))",
        (collection, tenant, oldest_ms, collection, tenant, most),
    )


def _of(row: Sequence[Any]) -> RatedAnswer:
    id_, tenant, at_ms, answer, rating, comment, rated_ms = row
    return RatedAnswer(
        GivenAnswer(id_, tenant, at_ms, KeptAnswer.model_validate_json(answer)),
        rating,
        comment,
        rated_ms,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
