"""Aliases: the live collection version, and the one before it, by the name of the index.

A rebuild makes the collection `<name>__1`, `<name>__2`, and so on. On a server, `<name>` is an
alias of the live one, and `<name>__previous` of the one before. Milvus Lite has no aliases: there
the first collection is called `<name>`, and rows of the collection `alir__aliases` name later ones.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pymilvus import AsyncMilvusClient, DataType
from pymilvus.client.types import LoadState

from alir.errors import MilvusFailed
from alir.milvus.client.connection import MilvusConnection
from alir.milvus.collection.schema import recorded_fingerprint
from alir.milvus.filters import among
from alir.models.fingerprint import Fingerprint

LITE_COLLECTION = "alir__aliases"
"""The collection that holds the aliases on Milvus Lite."""
_OF_A_REBUILD = re.compile(r"(.+)__(\d+)")


class Aliases(Protocol):
    """The aliases of one index. No failed call is repeated: `MilvusConnection.begin_attempts` does.

    A collection that was never live has no alias, even while it is the only one.
    """

    async def live_collection(self) -> str | None:
        """Return the live collection; None while there is none."""
        ...

    async def previous_collection(self) -> str | None:
        """Return the one that was live before; None if it no longer exists."""
        ...

    async def first_collection(self) -> str:
        """Return the name for the first collection."""
        ...

    async def prepare_switch(self) -> bool:
        """Make `switch_to` possible; return whether that renamed the live collection."""
        ...

    async def switch_to(self, collection: str) -> None:
        """Make `collection` live, for all readers at once."""
        ...

    async def release_collection(self, collection: str) -> None:
        """Remove the aliases of `collection`, before it is dropped."""
        ...


def aliases_of(connection: MilvusConnection, name: str) -> Aliases:
    """Return the aliases that this Milvus has."""
    return (_LiteAliases if connection.is_lite else _ServerAliases)(connection, name)


def version_number(collection: str, name: str) -> int | None:
    """Return the number in the name of a version of `name`; None for another collection."""
    if collection == name:
        return 0
    found = _OF_A_REBUILD.fullmatch(collection)
    return int(found[2]) if found and found[1] == name else None


async def collections_of(connection: MilvusConnection, name: str) -> dict[str, Fingerprint]:
    """Return the fingerprints of all versions of `name` by collection: live, old and unfinished.

    The name of the collection and its description must agree: another program's collection with
    such a name is left out.
    """
    found: dict[str, Fingerprint] = {}
    for collection in sorted(await connection.call_once("list_collections")):
        if (of_name := version_number(collection, name)) is None:
            continue
        description = await connection.call_once("describe_collection", collection)
        made_with = recorded_fingerprint(description.get("description", ""))
        if made_with.get("index", "" if of_name else name) == name:
            found[collection] = made_with
    return found


class _ServerAliases:
    """Milvus's own aliases.

    A collection that has the name itself, because another program or an older alir made it, is
    renamed to `<name>__0` before the name can be an alias. For the 3 ms between the two calls
    the name does not exist: `<name>__previous`, set before, is read then.
    """

    def __init__(self, connection: MilvusConnection, name: str) -> None:
        self._call: Callable[..., Awaitable[Any]] = connection.call_once
        self._name = name
        self._previous = f"{name}__previous"

    async def live_collection(self) -> str | None:
        return await self._target(self._name) or await self._target(self._previous)

    async def previous_collection(self) -> str | None:
        previous = await self._target(self._previous)
        return None if previous == await self.live_collection() else previous

    async def first_collection(self) -> str:
        return f"{self._name}__1"

    async def prepare_switch(self) -> bool:
        if not await self._target(self._name):  # a process that died between the two calls
            await self._point(self._name, await self.live_collection())
        renames = await self._target(self._name) == self._name
        if renames:
            first = f"{self._name}__0"
            await self._point(self._previous, self._name)
            await self._call("rename_collection", self._name, first)
            await self._point(self._previous, first)
            await self._point(self._name, first)
        return renames

    async def switch_to(self, collection: str) -> None:
        live = await self.live_collection()
        if live not in {None, collection}:
            await self._point(self._previous, live)
        await self._point(self._name, collection)

    async def release_collection(self, collection: str) -> None:
        for alias in (self._previous, self._name):
            if alias != collection and await self._target(alias) == collection:
                await self._call("drop_alias", alias)

    async def _target(self, name: str) -> str | None:
        if not await self._call("has_collection", name):
            return None
        try:
            return str((await self._call("describe_collection", name))["collection_name"])
        except MilvusFailed:
            if await self._call("has_collection", name):
                raise
            return None  # it was renamed or dropped between the two calls

    async def _point(self, alias: str, collection: str | None) -> None:
        meant = await self._target(alias)
        if meant == collection:
            return
        try:
            await self._call("create_alias" if meant is None else "alter_alias", collection, alias)
        except MilvusFailed:
            if await self._target(alias) != collection:  # another process was about to do the same
                raise


class _LiteAliases:
    """A row for each switch, the last of which holds: a row is there or is not.

    To change one would take Milvus Lite two writes, and a reader sees what is between them.
    """

    def __init__(self, connection: MilvusConnection, name: str) -> None:
        self._connection = connection
        self._call: Callable[..., Awaitable[Any]] = connection.call_once
        self._name = name
        self._life = 0

    async def live_collection(self) -> str | None:
        _, live, _ = await self._last()
        return live if await self._call("has_collection", live) else None

    async def previous_collection(self) -> str | None:
        _, live, previous = await self._last()
        there = previous and previous != live and await self._call("has_collection", previous)
        return previous if there else None

    async def first_collection(self) -> str:
        return self._name

    async def prepare_switch(self) -> bool:
        return False

    async def switch_to(self, collection: str) -> None:
        count, live, _ = await self._last()
        if live == collection:
            return
        await self._make()
        row = {
            "id": f"{self._name} {count + 1}",
            "name": self._name,
            "switch": count + 1,
            "live": collection,
            "previous": live,
            "vector": [0.0, 0.0],  # Milvus has no collection without one
        }
        await self._call("insert", LITE_COLLECTION, [row])

    async def release_collection(self, collection: str) -> None:
        """Do nothing: a collection that does not exist counts as no version."""

    async def _last(self) -> tuple[int, str, str]:
        """Return the number of the last switch, the collection it made live, and the one before."""
        if not await self._call("has_collection", LITE_COLLECTION):
            return 0, self._name, ""
        if self._life != self._connection.lite_starts:
            if (await self._call("get_load_state", LITE_COLLECTION))["state"] != LoadState.Loaded:
                await self._call("load_collection", LITE_COLLECTION)
            self._life = self._connection.lite_starts
        rows = await self._call(
            "query",
            LITE_COLLECTION,
            filter=among("name", [self._name]),
            output_fields=["switch", "live", "previous"],
            limit=16_384,
            consistency_level="Strong",
        )
        switches = [(row["switch"], row["live"], row["previous"]) for row in rows]
        return max(switches, default=(0, self._name, ""))

    async def _make(self) -> None:
        if await self._call("has_collection", LITE_COLLECTION):
            return
        schema = AsyncMilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=300)
        schema.add_field("name", DataType.VARCHAR, max_length=255)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
        indexes = AsyncMilvusClient.prepare_index_params()
        indexes.add_index("vector", index_type="FLAT", metric_type="L2")
        await self._call("create_collection", LITE_COLLECTION, schema=schema)
        await self._call("create_index", LITE_COLLECTION, indexes)
        await self._call("load_collection", LITE_COLLECTION)
