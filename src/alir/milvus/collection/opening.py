"""Opening: a collection checked, given the indexes it lacks, and loaded; or made, if missing.

No call here is made again by itself: the caller repeats the opening as a whole.
"""

import asyncio
from functools import partial
from typing import Any

from pymilvus.client.types import LoadState

from alir.errors import InvalidSetting, KeywordSearchUnavailable
from alir.milvus.client.connection import MilvusConnection
from alir.milvus.collection.schema import (
    CollectionLayout,
    ExistingCollection,
    Version,
    check_collection,
    new_indexes,
    new_schema,
)
from alir.milvus.collection.tenants import PARTITIONS
from alir.models.fingerprint import TENANTS, Fingerprint


class CollectionOpener:
    """Opens collections that are like `layout`; see `Collection`."""

    def __init__(
        self,
        connection: MilvusConnection,
        layout: CollectionLayout,
        *,
        consistency_level: str,
        sparse: bool | None,
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._consistency_level = consistency_level
        self._sparse = sparse
        self._known: Fingerprint | None = None

    async def open_existing(self, name: str) -> ExistingCollection | None:
        """Open the collection; None if it does not exist.

        Raises:
            CollectionMismatch: it was made with another model, dimension or metric.
        """
        call = self._connection.call_once
        if not await call("has_collection", name):
            return None
        version = await self._version()
        description = await call("describe_collection", name)
        index = await self._dense_index(name)
        found = check_collection(description, index, self._layout, version, await self._made_with())
        if self._layout.makes_indexes:
            await self._make_missing_indexes(name, found)
        await self._set_properties(name, description.get("properties") or {})
        if (await call("get_load_state", name))["state"] != LoadState.Loaded:
            await self._load(name)
        return found

    async def create_collection(self, name: str, dim: int | None) -> None:
        """Make the collection with vectors of `dim` dimensions."""
        if dim is None and self._layout.dense:
            raise InvalidSetting(
                "dim",
                f"the collection {name!r} does not exist and needs a dimension",
                "Give the dimension of the embeddings.",
            )
        version = await self._version()
        can_sparse = version is None or version >= self._layout.sparse_since
        if self._sparse and not can_sparse:
            # The server would make the collection, without its words, and then report an error.
            raise KeywordSearchUnavailable(name)
        made_with = await self._made_with()
        if made_with:
            made_with = {**made_with, "metric": self._layout.metric}
            made_with |= {"dim": str(dim)} if self._layout.dense else {}
        has_sparse = can_sparse and self._sparse is not False
        await self._connection.call_once(
            "create_collection",
            name,
            schema=new_schema(self._layout, dim, made_with, sparse=has_sparse),
            properties=self._layout.properties,
            consistency_level=self._consistency_level,
            **({"num_partitions": PARTITIONS} if TENANTS in made_with else {}),
        )

    async def _make_missing_indexes(self, name: str, found: ExistingCollection) -> None:
        # At once: each takes two round trips or more.
        indexes = new_indexes(self._layout, sparse=found.sparse)
        missing = [one for field, one in indexes.items() if not await self._indexes(name, field)]
        create = partial(self._connection.call_once, "create_index", name)
        await asyncio.gather(*(create(params) for params in missing))

    async def _dense_index(self, name: str) -> dict[str, Any]:
        """What the dense field's index is; empty if there is none."""
        field, call = self._layout.embedding_field, self._connection.call_once
        names = await self._indexes(name, field) if self._layout.dense else []
        return dict(await call("describe_index", name, names[0]) or {}) if names else {}

    async def _indexes(self, name: str, field: str) -> list[str]:
        return list(await self._connection.call_once("list_indexes", name, field_name=field))

    async def _set_properties(self, name: str, present: dict[str, Any]) -> None:
        wanted = self._layout.properties
        if all(str(present.get(name)) == str(value) for name, value in wanted.items()):
            return
        # Milvus takes some of them only of a collection that is not loaded.
        await self._connection.call_once("release_collection", name)
        await self._connection.call_once("alter_collection_properties", name, wanted)

    async def _load(self, name: str) -> None:
        vectors = new_indexes(self._layout, sparse=False)
        if self._layout.makes_indexes or all([await self._indexes(name, one) for one in vectors]):
            await self._connection.call_once("load_collection", name)

    async def _version(self) -> Version | None:
        """The server's version; None for Milvus Lite."""
        if self._connection.is_lite:
            return None
        version = str(await self._connection.call_once("get_server_version")).lstrip("v")
        return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())

    async def _made_with(self) -> Fingerprint:
        if self._known is None:
            self._known = await asyncio.to_thread(self._layout.fingerprint)
        return self._known
