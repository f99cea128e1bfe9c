"""Batches of writes and searches: those that wait together go out as one request."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import orjson

from alir.concurrency.coalescer import Coalescer, CoalescerStats
from alir.concurrency.per_loop import PerLoop
from alir.errors import MilvusFailed
from alir.milvus.client.wire import Hit, Operation
from alir.milvus.collection.collection import Collection
from alir.milvus.filters import among
from alir.milvus.rows import ID_FIELD, Row

MAX_REQUEST_BYTES = 16 * 2**20
"""Rows of one request, well under gRPC's 64 MiB."""
MAX_HITS = 4096
"""Hits of one request: with a few kilobytes each, again well under gRPC's limit."""
SEARCHED_AT_ONCE = 2
READ_AT_ONCE = 1
"""Callers of searches, and of reads, that go on in one turn of the event loop. A question that has
read its passages then writes its answer, for up to 10 ms."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How large requests are, and how many are under way at once."""

    searches: int
    searches_in_flight: int
    vectors_bytes: int = MAX_REQUEST_BYTES
    """Of the vectors of one request's rows."""
    inserts_in_flight: int = 4
    upserts_in_flight: int = 2

    def row_bytes(self, row: Row) -> int:
        """Return what `row` takes of a request's `MAX_REQUEST_BYTES`."""
        return max(row.size_bytes, len(row.embedding) * MAX_REQUEST_BYTES // self.vectors_bytes)


LITE = RequestLimits(
    searches=256, searches_in_flight=4, vectors_bytes=384 * 2**10, inserts_in_flight=8
)
"""Lite's time for a row grows with the vectors of its whole request: of 768 dimensions, a row takes
48 µs in a request of 128 rows, 66 in one of 250, 261 in one of 1,000."""
SERVER = RequestLimits(searches=64, searches_in_flight=2)


class _OfRows(TypedDict):
    max_items: int
    max_bytes: float
    size_bytes: Callable[[Row], int]
    is_divisible: Callable[[Exception], bool]


@dataclass(frozen=True, slots=True)
class _Search:
    """A vector or a text to search for."""

    sought: Any
    limit: int


class RequestBatcher:
    """Sends rows and searches of concurrent callers in few requests to one collection.

    Args:
        max_rows: rows in one request at most.
    """

    def __init__(self, collection: Collection, *, max_rows: int) -> None:
        limits = LITE if collection.connection.is_lite else SERVER
        of_rows: _OfRows = {
            "max_items": max_rows,
            "max_bytes": MAX_REQUEST_BYTES,
            "size_bytes": limits.row_bytes,
            "is_divisible": _may_be_one_items_fault,
        }
        self._collection = collection
        self._inserts: PerLoop[Coalescer[str | None, Row, None]] = PerLoop(
            lambda: Coalescer(self._insert, in_flight=limits.inserts_in_flight, **of_rows)
        )
        self._upserts: PerLoop[Coalescer[str | None, Row, None]] = PerLoop(
            lambda: Coalescer(_Upserts(collection), in_flight=limits.upserts_in_flight, **of_rows)
        )
        self._reads: PerLoop[Coalescer[tuple[str, ...], str, dict[str, Any] | None]] = PerLoop(
            lambda: Coalescer(
                self._read,
                max_items=max_rows,
                in_flight=limits.searches_in_flight,
                woken_at_once=READ_AT_ONCE,
            )
        )
        self._searches: PerLoop[Coalescer[bytes, _Search, list[Hit]]] = PerLoop(
            lambda: Coalescer(
                self._search,
                max_items=limits.searches,
                max_bytes=MAX_HITS,
                size_bytes=lambda search: search.limit,
                in_flight=limits.searches_in_flight,
                is_divisible=_may_be_one_items_fault,
                woken_at_once=SEARCHED_AT_ONCE,
            )
        )

    def write_rows(
        self, operation: Operation, rows: Sequence[Row], *, partition: str | None = None
    ) -> Awaitable[object]:
        """Insert or upsert `rows`, once it is awaited."""
        coalescer = self._inserts if operation == "insert" else self._upserts
        return coalescer.on_this_loop()(partition, rows)

    async def read_rows(
        self, ids: Sequence[str], fields: Sequence[str], *, consistency_level: str
    ) -> list[dict[str, Any]]:
        """Return the rows that have one of `ids`, in their order; what does not exist is left out.

        Args:
            fields: what is read of each row, besides its id.
        """
        found = await self._reads.on_this_loop()((consistency_level, *fields), ids)
        return [row for row in found if row is not None]

    async def search(self, sought: Any, *, limit: int, **options: Any) -> list[Hit]:
        """Return the `limit` hits nearest to `sought`, a vector or a text, best first.

        Args:
            options: as in `wire.search`; those of one request have the same.
        """
        key = orjson.dumps({"limit": limit, **options}, option=orjson.OPT_SORT_KEYS)
        [hits] = await self._searches.on_this_loop()(key, [_Search(sought, limit)])
        return hits

    async def drain(self) -> None:
        """Return when everything taken on the running event loop has come back."""
        for each in (self._inserts, self._upserts, self._reads, self._searches):
            await each.on_this_loop().drain()

    @property
    def stats(self) -> dict[str, CoalescerStats]:
        """The requests of the running event loop, by kind."""
        return {
            "inserts": self._inserts.on_this_loop().stats,
            "upserts": self._upserts.on_this_loop().stats,
            "reads": self._reads.on_this_loop().stats,
            "searches": self._searches.on_this_loop().stats,
        }

    def _insert(self, partition: str | None, rows: Sequence[Row]) -> Awaitable[Sequence[None]]:
        writing = self._collection.write("insert", rows, partition=partition)
        return _each(writing, [None] * len(rows))

    async def _read(
        self, key: tuple[str, ...], ids: Sequence[str]
    ) -> Sequence[dict[str, Any] | None]:
        consistency_level, *fields = key
        found = await self._collection.call_method(
            "query",
            filter=among(ID_FIELD, list(dict.fromkeys(ids))),
            output_fields=[ID_FIELD, *fields],
            consistency_level=consistency_level,
        )
        rows = {row[ID_FIELD]: row for row in found}
        return [rows.get(one) for one in ids]

    def _search(self, key: bytes, searches: Sequence[_Search]) -> Awaitable[Sequence[list[Hit]]]:
        sought = [search.sought for search in searches]
        return self._collection.search(sought, **orjson.loads(key))


class _Upserts:
    """Upserts rows, never two with the same id at once, nor in one request.

    An id keeps what was upserted last; and on Milvus Lite, two upserts at once leave two rows.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def __call__(self, partition: str | None, rows: Sequence[Row]) -> Awaitable[Sequence[None]]:
        latest = {row.id: row for row in rows}
        before = {self._under_way[one] for one in latest if one in self._under_way}
        writing = asyncio.ensure_future(self._write(list(latest.values()), partition, before))
        self._under_way |= dict.fromkeys(latest, writing)
        writing.add_done_callback(lambda _: self._forget(latest, writing))
        return _each(writing, [None] * len(rows))

    async def _write(
        self, rows: Sequence[Row], partition: str | None, before: set[asyncio.Task[None]]
    ) -> None:
        if before:
            await asyncio.wait(before)
        await self._collection.write("upsert", rows, partition=partition)

    def _forget(self, ids: Iterable[str], writing: asyncio.Task[None]) -> None:
        for one in ids:
            if self._under_way.get(one) is writing:
                del self._under_way[one]


async def _each(work: Awaitable[None], results: list[None]) -> list[None]:
    await work
    return results


def _may_be_one_items_fault(error: Exception) -> bool:
    return isinstance(error, MilvusFailed) and not error.retryable
