"""A collection: opened once and checked, made where it is missing, read row by row.

Where its name is an alias, it is the collection that the alias meant when it was opened. When the
alias is looked up again and means another one that fits, it is that one: see `_choose`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from llama_index.core.vector_stores.types import MetadataFilters
from pymilvus import AsyncMilvusClient

from alir.concurrency.per_loop import PerLoop
from alir.errors import CollectionMismatch, MilvusFailed
from alir.milvus.client import wire
from alir.milvus.client.connection import MilvusConnection
from alir.milvus.collection.aliases import aliases_of, collections_of
from alir.milvus.collection.opening import CollectionOpener
from alir.milvus.collection.schema import CollectionLayout, ExistingCollection
from alir.milvus.filters import after, among, both
from alir.milvus.rows import ID_FIELD, Row

LOOKS_AGAIN_S = 2.0
"""Seconds after which a search looks an alias up again."""

_Chosen = tuple[str, ExistingCollection]
"""A collection's own name, and what it is like."""


class Collection:
    """One collection of one Milvus; the constructor does no I/O.

    Args:
        layout: what a new collection is like, and what an existing one is compared with.
        sparse: whether a new one gets sparse vectors; None means where the server can.
        overwrite: drop an existing collection when it is first opened.
    """

    def __init__(
        self,
        connection: MilvusConnection,
        layout: CollectionLayout,
        *,
        consistency_level: str,
        sparse: bool | None,
        overwrite: bool,
    ) -> None:
        self.connection = connection
        self.name = layout.collection
        """The collection's own name, once it is open."""
        self._layout = layout
        self._opener = CollectionOpener(
            connection, layout, consistency_level=consistency_level, sparse=sparse
        )
        self._aliases = aliases_of(connection, layout.collection) if layout.is_alias else None
        self._overwrite = overwrite
        self._found: ExistingCollection | None = None
        self._opened_at_start = 0
        self._look_at = 0.0
        self._one_at_a_time = PerLoop(asyncio.Lock)

    def call_method(self, operation: str, *, waits: bool = False, **kwargs: Any) -> Awaitable[Any]:
        """Begin the client's method `operation`, one that may be repeated, on this collection."""
        call = partial(self.connection.call_on, self, operation, **kwargs)
        return self.connection.begin_attempts(call, waits=waits)

    async def find_again(self) -> bool:
        """Look after a failed call if the collection was renamed or dropped behind an alias.

        Or if Milvus Lite was started again and has not loaded it. Return whether to make the call
        again, by the name that this collection has now.
        """
        if self._opened_at_start and self.found is None:
            return await self._open(self._layout.dim, create=False) is not None
        if self._aliases is None or await self._aliases.live_collection() == self.name:
            return False
        # Its name may be an alias by now, and then of another.
        is_own = self.name != self._layout.collection
        if is_own and await self._exists(self.name):
            return False
        await self._look_again()
        return True

    async def _exists(self, name: str) -> bool:
        return bool(await self.connection.call_once("has_collection", name))

    def write(
        self, operation: wire.Operation, rows: Sequence[Row], *, partition: str | None = None
    ) -> Awaitable[None]:
        """Begin to insert or upsert `rows` in one request; all of them are written, or none.

        An insert that may have reached Milvus is not made again: it would double its rows. An
        upsert may be one where it is tried first, see `_is_new`; it is made again as itself, or,
        where Milvus would put its rows into wrong partitions, always as a delete and an insert.
        """
        is_final, is_first = False, True

        async def write(client: AsyncMilvusClient) -> None:
            nonlocal is_final, is_first
            found = self.found or await self._open_or_create(None)
            inserts = operation == "insert" or (is_first and await self._is_new(rows))
            if operation == "upsert" and not found.upserts:
                await self._make_room(rows)
                inserts = True
            is_first = False
            if operation == "insert":
                await wire.reached(client)
                is_final = True
            await wire.write(
                client,
                "insert" if inserts else "upsert",
                self.name,
                rows,
                fields=found.written,
                partition=partition,
                timeout_s=self.connection.timeout_s,
            )

        return self.connection.begin(operation, write, waits=True, repeatable=lambda: not is_final)

    async def _is_new(self, rows: Sequence[Row]) -> bool:
        """Return whether an insert does the same as an upsert of `rows`, and sooner.

        On Milvus Lite an upsert looks at every row there is: at 100,000 it takes eight times as
        long as an insert.
        """
        return self.connection.is_lite and not await self._held(rows)

    async def _make_room(self, rows: Sequence[Row]) -> None:
        """Delete the rows with the ids of `rows`, so that an insert does what an upsert should."""
        if await self._held(rows):
            expression = among(ID_FIELD, [row.id for row in rows])
            await self.connection.call_once("delete", self.name, filter=expression)

    async def _held(self, rows: Sequence[Row]) -> bool:
        """Return whether there is a row with an id of one of `rows`."""
        expression = among(ID_FIELD, [row.id for row in rows])
        held = await self.connection.call_once(
            "query",
            self.name,
            filter=expression,
            output_fields=[ID_FIELD],
            limit=1,
            consistency_level="Strong",
        )
        return bool(held)

    def search(self, sought: Sequence[Any], **options: Any) -> Awaitable[list[list[wire.Hit]]]:
        """Begin a search for each of `sought`, vectors or texts; `options` as in `wire.search`."""
        options |= {"sought": sought, "timeout_s": self.connection.timeout_s}
        search = partial(self.connection.call_on, self, "search", wire.search, **options)
        return self.connection.begin_attempts(search)

    @property
    def found(self) -> ExistingCollection | None:
        """The collection as it was found; None until it is open."""
        return self._found if self._opened_at_start == self.connection.lite_starts else None

    async def open_or_create(self, dim: int | None) -> ExistingCollection:
        """Open the collection, or make it with vectors of `dim` dimensions, to write to it.

        Raises:
            CollectionMismatch: it was made with another model, dimension or metric.
        """
        if (found := self.found) is not None:
            return found
        return await self.connection.begin_attempts(partial(self._open_or_create, dim), waits=True)

    async def open_existing(self, *, waits: bool = False) -> ExistingCollection | None:
        """Open the collection; None while it does not exist.

        Args:
            waits: for a Milvus that is gone.
        """
        if (found := self.found) is not None:
            return found
        opening = partial(self._open, self._layout.dim, create=False)
        return await self.connection.begin_attempts(opening, waits=waits)

    async def open_current(self) -> ExistingCollection | None:
        """Open the collection as `open_existing` does; look its alias up now and then.

        If the alias means another collection by now that fits, that one is opened. Otherwise this
        one stays open for as long as it exists.
        """
        if self._aliases is not None and self.found is not None and monotonic() > self._look_at:
            await self.connection.begin_attempts(self._look_again)
        return self.found or await self.open_existing()

    async def open_live(self) -> ExistingCollection | None:
        """Open the live collection; None while there is none.

        Raises:
            CollectionMismatch: it was made with another model; what was open stays so.
        """
        if self._aliases is None:
            return await self.open_existing(waits=True)
        looking = partial(self._look_again, only_live=True)
        return await self.connection.begin_attempts(looking, waits=True)

    async def scan(
        self,
        expression: str,
        fields: Sequence[str],
        *,
        page_rows: int = 1000,
        filters: MetadataFilters | None = None,
        partitions: Sequence[str] | None = None,
    ) -> AsyncGenerator[dict[str, Any]]:
        """Yield the rows that match `expression` and `filters`, by id, `page_rows` at a time.

        Reads are strongly consistent: what any process wrote before is seen.
        """
        found = await self.open_existing(waits=True)
        if found is None:
            return
        if filters is not None:
            expression = both(expression, found.node_expression(None, filters))
        last = ""
        while True:
            page = await self.call_method(
                "query",
                waits=True,
                filter=after(ID_FIELD, last, expression),
                output_fields=[ID_FIELD, *fields],
                limit=page_rows,
                partition_names=partitions,
                consistency_level="Strong",
            )
            if not page:  # a short page may still be followed by another
                return
            for row in page:
                yield row
            last = max(row[ID_FIELD] for row in page)

    async def count(
        self, expression: str = "", *, filters: MetadataFilters | None = None, waits: bool = False
    ) -> int:
        """Return how many rows match, as in `scan`; 0 for a collection that does not exist.

        Args:
            waits: for a Milvus that is gone.
        """
        found = await self.open_existing(waits=waits)
        if found is None:
            return 0
        if filters is not None:
            expression = both(expression, found.node_expression(None, filters))
        return await self.connection.begin_attempts(
            partial(self._count, expression, None), waits=waits
        )

    async def _count(self, expression: str, partitions: Sequence[str] | None) -> int:
        rows = await self.connection.call_on(
            self,
            "query",
            filter=expression,
            output_fields=["count(*)"],
            partition_names=partitions,
            consistency_level="Strong",
        )
        return int(rows[0]["count(*)"])

    async def delete(self, expression: str, *, partition: str | None = None) -> None:
        """Delete the rows that match `expression`, and check that they are gone."""
        if not await self.open_existing(waits=True):
            return
        deleting = partial(self._delete, expression, partition)
        await self.connection.begin_attempts(deleting, waits=True)

    async def _delete(self, expression: str, partition: str | None) -> None:
        await self.connection.call_on(self, "delete", filter=expression, partition_name=partition)
        # pymilvus's async client does not look at what a server answers to a delete.
        if left := await self._count(expression, [partition] if partition else None):
            problem = f"{left} rows that were to go are still there"
            raise MilvusFailed(self.connection.uri, "delete", problem, retryable=True)

    async def drop(self) -> None:
        """Drop the collection if it exists; with an alias, all its versions."""
        await self.connection.begin_attempts(self._drop)
        self._found = None

    async def _drop(self) -> None:
        if self._aliases is None:
            if await self._exists(self.name):
                await self.connection.call_once("drop_collection", self.name)
            return
        for name in await collections_of(self.connection, self._layout.collection):
            await self._aliases.release_collection(name)
            await self.connection.call_once("drop_collection", name)

    async def close(self) -> None:
        """Close the connection; a later call opens it and the collection again."""
        self._found = None
        await self.connection.close()

    async def _open_or_create(self, dim: int | None) -> ExistingCollection:
        found = await self._open(self._layout.dim or dim, create=True)
        if found is None:
            problem = f"the collection {self._layout.collection!r} vanished"
            raise MilvusFailed(self.connection.uri, "open", problem, retryable=True)
        return found

    async def _open(self, dim: int | None, *, create: bool) -> ExistingCollection | None:
        """Open the collection, or make it; None only where Milvus says that there is none."""
        async with self._one_at_a_time.on_this_loop():
            if (found := self.found) is not None:
                return found
            if self._overwrite:
                await self._drop()
            chosen = await self._in_one_life(partial(self._choose_or_create, dim, create=create))
            if chosen is not None or create:
                # Only now: a failed creation must not leave a later call to drop what exists.
                self._overwrite = False
            return chosen

    async def _choose_or_create(self, dim: int | None, *, create: bool) -> _Chosen | None:
        chosen = await self._choose()
        return await self._create(dim) if chosen is None and create else chosen

    async def _look_again(self, *, only_live: bool = False) -> ExistingCollection | None:
        async with self._one_at_a_time.on_this_loop():
            found = self.found
            is_live = found and self._aliases and await self._aliases.live_collection() == self.name
            if not is_live:
                found = await self._in_one_life(partial(self._choose, only_live=only_live))
            self._look_at = monotonic() + LOOKS_AGAIN_S
            return found

    async def _in_one_life(
        self, choose: Callable[[], Awaitable[_Chosen | None]]
    ) -> ExistingCollection | None:
        """Choose a collection, again if Milvus Lite was started again meanwhile, and take it."""
        life = 0
        while life != self.connection.lite_starts:
            life = self.connection.lite_starts
            chosen = await choose()
        self._found = None
        if chosen is None:
            return None
        self.name, self._found = chosen
        self._opened_at_start = life
        self._look_at = monotonic() + LOOKS_AGAIN_S
        return self._found

    async def _choose(self, *, only_live: bool = False) -> _Chosen | None:
        """Open the live collection and return its name with it; None if there is none.

        If the live one was made with another model, the one that was open already is kept, by its
        name or the one it got since: a question to it is in progress, or comes from a program that
        was started before.
        """
        if self._aliases is None:
            found = await self._opener.open_existing(self.name)
            return (self.name, found) if found else None
        live = await self._aliases.live_collection()
        names = [live]
        if self._opened_at_start and not only_live:
            names += [self.name, await self._aliases.previous_collection()]
        try:
            return await self._first_that_suits(names)
        except MilvusFailed:
            if await self._aliases.live_collection() == live:
                raise
        return await self._choose(only_live=only_live)  # it was renamed or dropped meanwhile

    async def _first_that_suits(self, names: Sequence[str | None]) -> _Chosen | None:
        refused: CollectionMismatch | None = None
        for name in dict.fromkeys(names):
            try:
                found = await self._opener.open_existing(name) if name else None
            except CollectionMismatch as error:
                refused = refused or error
            else:
                if name and found:
                    return name, found
        if refused is not None:
            raise refused
        return None

    async def _create(self, dim: int | None) -> _Chosen | None:
        name = self.name if self._aliases is None else await self._aliases.first_collection()
        if not await self._exists(name):
            await self._opener.create_collection(name, dim)
        if self._aliases is not None:
            await self._aliases.switch_to(name)
        return await self._choose()
