"""A collection: opened once and checked, made where it is missing, read row by row."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from functools import partial
from typing import Any

from pymilvus import AsyncMilvusClient
from pymilvus.client.types import LoadState

from alir.errors import InvalidSetting, KeywordSearchUnavailable, MilvusFailed
from alir.milvus import wire
from alir.milvus.connection import MilvusConnection
from alir.milvus.filters import after, both
from alir.milvus.rows import ID_FIELD, Row
from alir.milvus.schema import Found, Layout, Version, check, new_indexes, new_schema


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
        layout: Layout,
        *,
        consistency_level: str,
        sparse: bool | None,
        overwrite: bool,
    ) -> None:
        self.connection = connection
        self._layout = layout
        self._consistency_level = consistency_level
        self._sparse = sparse
        self._overwrite = overwrite
        self._found: Found | None = None
        self._life = 0
        self._opening: asyncio.Lock | None = None

    async def call(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """Call the client's method `operation`, one that may be repeated, on this collection."""
        return await self.connection.begin_all(partial(self._call, operation, *args, **kwargs))

    async def _call(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        return await self.connection.call_once(operation, self._layout.collection, *args, **kwargs)

    def write(
        self, operation: wire.Operation, rows: Sequence[Row], *, partition: str | None = None
    ) -> Awaitable[None]:
        """Begin to insert or upsert `rows` in one request; all of them are written, or none.

        An insert that may have reached Milvus is not made again: it would double its rows.
        """
        is_final = False

        async def write(client: AsyncMilvusClient) -> None:
            nonlocal is_final
            found = self.found or await self._opened(None)
            if operation == "insert":
                await wire.reached(client)
                is_final = True
            await wire.write(
                client,
                operation,
                self._layout.collection,
                rows,
                fields=found.written,
                partition=partition,
                timeout_s=self.connection.timeout_s,
            )

        return self.connection.begin(operation, write, waits=True, repeatable=lambda: not is_final)

    def search(self, sought: Sequence[Any], **options: Any) -> Awaitable[list[list[wire.Hit]]]:
        """Begin a search for each of `sought`, vectors or texts; `options` as in `wire.search`."""

        async def search(client: AsyncMilvusClient) -> list[list[wire.Hit]]:
            name, timeout_s = self._layout.collection, self.connection.timeout_s
            return await wire.search(client, name, sought, timeout_s=timeout_s, **options)

        return self.connection.begin("search", search)

    @property
    def found(self) -> Found | None:
        """What the collection turned out to be; None until it is open."""
        return self._found if self._life == self.connection.lives else None

    async def opened(self, dim: int | None) -> Found:
        """Open the collection, or make it with vectors of `dim` dimensions, to write to it.

        Raises:
            CollectionMismatch: it was made with another model, dimension or metric.
        """
        if (found := self.found) is not None:
            return found
        return await self.connection.begin_all(partial(self._opened, dim), waits=True)

    async def opened_or_none(self, *, waits: bool = False) -> Found | None:
        """Open the collection; None while it does not exist.

        Args:
            waits: for a Milvus that is gone.
        """
        if (found := self.found) is not None:
            return found
        opening = partial(self._open, self._layout.dim, create=False)
        await self.connection.begin_all(opening, waits=waits)
        return self.found

    async def scan(
        self,
        expression: str,
        fields: Sequence[str],
        *,
        page_rows: int = 1000,
        partitions: Sequence[str] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the rows that match `expression`, by id, reading `page_rows` at a time.

        Reads are strongly consistent: what any process wrote before is seen.
        """
        if not await self.opened_or_none(waits=True):
            return
        last = ""
        while True:
            query = partial(
                self._call,
                "query",
                filter=both(after(ID_FIELD, last), expression),
                output_fields=[ID_FIELD, *fields],
                limit=page_rows,
                partition_names=partitions,
                consistency_level="Strong",
            )
            page = await self.connection.begin_all(query, waits=True)
            if not page:  # a short page may still be followed by another
                return
            for row in page:
                yield row
            last = max(row[ID_FIELD] for row in page)

    async def count(
        self, expression: str = "", *, partitions: Sequence[str] | None = None, waits: bool = False
    ) -> int:
        """Return how many rows match `expression`; 0 for a collection that does not exist.

        Args:
            waits: for a Milvus that is gone.
        """
        if not await self.opened_or_none(waits=waits):
            return 0
        counting = partial(self._count, expression, partitions)
        return await self.connection.begin_all(counting, waits=waits)

    async def _count(self, expression: str, partitions: Sequence[str] | None) -> int:
        rows = await self._call(
            "query",
            filter=expression,
            output_fields=["count(*)"],
            partition_names=partitions,
            consistency_level="Strong",
        )
        return int(rows[0]["count(*)"])

    async def delete(self, expression: str, *, partition: str | None = None) -> None:
        """Delete the rows that match `expression`, and see to it that they are gone."""
        if not await self.opened_or_none(waits=True):
            return
        deleting = partial(self._delete, expression, partition)
        await self.connection.begin_all(deleting, waits=True)

    async def _delete(self, expression: str, partition: str | None) -> None:
        await self._call("delete", filter=expression, partition_name=partition)
        # pymilvus's async client does not look at what a server answers to a delete.
        if left := await self._count(expression, [partition] if partition else None):
            problem = f"{left} rows that were to go are still there"
            raise MilvusFailed(self.connection.uri, "delete", problem, retryable=True)

    async def drop(self) -> None:
        """Drop the collection if it exists."""
        await self.connection.begin_all(self._drop)
        self._found = None

    async def _drop(self) -> None:
        if await self._call("has_collection"):
            await self._call("drop_collection")

    async def close(self) -> None:
        """Close the connection; a later call opens it and the collection again."""
        self._found = None
        await self.connection.close()

    async def _opened(self, dim: int | None) -> Found:
        await self._open(self._layout.dim or dim, create=True)
        if self.found is None:
            name = self._layout.collection
            problem = f"the collection {name!r} vanished"
            raise MilvusFailed(self.connection.uri, "open", problem, retryable=True)
        return self.found

    async def _open(self, dim: int | None, *, create: bool) -> None:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self.found is not None:
                return
            life = self.connection.lives
            exists = await self._call("has_collection")
            if exists and self._overwrite:
                await self._call("drop_collection")
                exists = False
            if not exists and not create:
                return
            version = await self._version()
            if not exists:
                await self._create(dim, version)
            # Only now: a failed creation must not leave a later call to drop what exists.
            self._overwrite = False
            description = await self._call("describe_collection")
            found = check(description, await self._dense_index(), self._layout, version)
            if self._layout.makes_indexes:
                await self._make_missing_indexes(found)
            await self._set_properties(description.get("properties") or {})
            if (await self._call("get_load_state"))["state"] != LoadState.Loaded:
                await self._load()
            self._found, self._life = found, life

    async def _create(self, dim: int | None, version: Version | None) -> None:
        name = self._layout.collection
        if dim is None and self._layout.dense:
            raise InvalidSetting(
                "dim",
                f"the collection {name!r} does not exist and needs a dimension",
                "Give the dimension of the embeddings.",
            )
        can_sparse = version is None or version >= self._layout.sparse_since
        if self._sparse and not can_sparse:
            # The server would make the collection, without its words, and then report an error.
            raise KeywordSearchUnavailable(name)
        await self._call(
            "create_collection",
            schema=new_schema(self._layout, dim, sparse=can_sparse and self._sparse is not False),
            properties=self._layout.properties,
            consistency_level=self._consistency_level,
        )

    async def _make_missing_indexes(self, found: Found) -> None:
        # At once: pymilvus waits half a second for each.
        indexes = new_indexes(self._layout, sparse=found.sparse)
        missing = [params for name, params in indexes.items() if not await self._indexes(name)]
        await asyncio.gather(*(self._call("create_index", params) for params in missing))

    async def _dense_index(self) -> dict[str, Any]:
        """What the dense field's index is; empty if there is none."""
        names = await self._indexes(self._layout.embedding_field) if self._layout.dense else []
        return dict(await self._call("describe_index", names[0]) or {}) if names else {}

    async def _indexes(self, field: str) -> list[str]:
        return list(await self._call("list_indexes", field_name=field))

    async def _set_properties(self, present: dict[str, Any]) -> None:
        wanted = self._layout.properties
        if all(str(present.get(name)) == str(value) for name, value in wanted.items()):
            return
        # Milvus takes some of them only of a collection that is not loaded.
        await self._call("release_collection")
        await self._call("alter_collection_properties", wanted)

    async def _load(self) -> None:
        vectors = new_indexes(self._layout, sparse=False)
        if self._layout.makes_indexes or all([await self._indexes(name) for name in vectors]):
            await self._call("load_collection")

    async def _version(self) -> Version | None:
        """The server's version; None for Milvus Lite."""
        if self.connection.is_lite:
            return None
        version = str(await self.connection.call_once("get_server_version")).lstrip("v")
        return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
