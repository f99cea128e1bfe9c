"""The collection versions of an index: the live one, the one before, the one being built."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from alir.errors import NothingKept, NothingToRebuild
from alir.milvus.catalog import MilvusCatalog
from alir.milvus.collection.aliases import aliases_of, collections_of, version_number
from alir.milvus.collection.collection import LOOKS_AGAIN_S
from alir.milvus.rows import ID_FIELD
from alir.milvus.store import AlirMilvusStore
from alir.models.collection_version import CollectionAudit, CollectionVersion
from alir.models.fingerprint import Fingerprint, is_same

T = TypeVar("T")


class MilvusCollectionVersions:
    """The versions of one index, by the name of `store`, which is an alias.

    Args:
        open_reader: opens one of the collections by its own name, to read.
        fingerprint: returns what a collection made now is made with. Blocks.
    """

    def __init__(
        self,
        store: AlirMilvusStore,
        *,
        open_reader: Callable[[str], AlirMilvusStore],
        fingerprint: Callable[[], Fingerprint],
    ) -> None:
        self.name = store.collection_name
        self._connection = store.connection
        self._aliases = aliases_of(store.connection, store.collection_name)
        self._open_reader = open_reader
        self._fingerprint = fingerprint
        self._open: dict[str, AlirMilvusStore] = {}

    async def live_version(self) -> CollectionVersion | None:
        """Return the one that the name means now; None while there is none."""
        live = await self._call(self._aliases.live_collection)
        return (
            None
            if live is None
            else CollectionVersion(live, (await self._collections()).get(live, {}))
        )

    async def previous_version(self) -> CollectionVersion | None:
        """Return the one that `roll_back` would go back to."""
        previous = await self._call(self._aliases.previous_collection)
        return (
            None
            if previous is None
            else CollectionVersion(previous, (await self._collections())[previous])
        )

    async def other_versions(self) -> list[CollectionVersion]:
        """Return all but the live one."""
        live = await self._call(self._aliases.live_collection)
        return [
            CollectionVersion(*one) for one in (await self._collections()).items() if one[0] != live
        ]

    async def begin_version(self) -> str:
        """Return the collection to build the next one in; see `ports.CollectionVersions`."""
        if await self._call(self._aliases.prepare_switch):
            # Whoever has the live one open by the name it had learns the new one meanwhile.
            await asyncio.sleep(1.5 * LOOKS_AGAIN_S)
        live = await self._call(self._aliases.live_collection)
        previous = await self._call(self._aliases.previous_collection)
        found = await self._collections()
        present = await asyncio.to_thread(self._fingerprint)
        if live is not None and is_same(found[live], present):
            raise NothingToRebuild(self.name, "was made with the present settings")
        begun = [one for one in found if one != live and is_same(found[one], present)]
        for name in found.keys() - {live, previous, *begun}:
            await self._drop(name)
        numbers = [version_number(name, self.name) or 0 for name in found]
        return begun[-1] if begun else f"{self.name}__{max(numbers, default=0) + 1}"

    def catalog_of(self, collection: str) -> MilvusCatalog:
        """Return what a collection holds, whatever it is made with."""
        return MilvusCatalog(self._store(collection), waits=True)

    async def audit(self, collection: str) -> CollectionAudit:
        """Read every id of a collection, and how many chunks each file should have."""
        store = self._store(collection)
        ids: set[str] = set()
        rows, due = Counter[str](), Counter[str]()
        async for row in store.scan("", [store.doc_id_field, "chunk_count"]):
            source = row[store.doc_id_field]
            ids.add(row[ID_FIELD])
            rows[source] += 1
            if count := row.get("chunk_count"):
                due[source] += count
        return CollectionAudit(
            frozenset(due),
            due.total(),
            len(ids),
            await store.count(waits=True),
            frozenset(one for one in rows if rows[one] != due[one]),
        )

    async def make_live(self, collection: str) -> None:
        """Make `collection` the live version."""
        await self._call(lambda: self._aliases.switch_to(collection))

    async def roll_back(self) -> CollectionVersion:
        """Make the version before live again; return it.

        Raises:
            NothingKept: that was dropped, or there never was another.
        """
        previous = await self.previous_version()
        if previous is None:
            raise NothingKept(self.name)
        await self.make_live(previous.collection)
        return previous

    async def drop_kept(self) -> list[str]:
        """Drop all but the live one; return their names."""
        kept = [index.collection for index in await self.other_versions()]
        for name in kept:
            await self._drop(name)
        return kept

    async def aclose(self) -> None:
        """Close what was opened to read."""
        while self._open:
            await self._open.popitem()[1].aclose()

    async def _drop(self, name: str) -> None:
        await self._call(lambda: self._aliases.release_collection(name))
        await self._connection.call_method("drop_collection", name)

    async def _collections(self) -> dict[str, Fingerprint]:
        return await self._call(lambda: collections_of(self._connection, self.name))

    def _call(self, work: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        return self._connection.begin_attempts(work, waits=True)

    def _store(self, collection: str) -> AlirMilvusStore:
        if collection not in self._open:
            self._open[collection] = self._open_reader(collection)
        return self._open[collection]
