"""What a collection says of the files in it: the collection is its own catalog.

A file's first chunk is written last and alone carries `chunk_count`, so the rows that have one
are the files held completely.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from alir.milvus.filters import among, both
from alir.milvus.store import AlirMilvusStore
from alir.models import StoredSource

_IS_COMPLETE = "chunk_count > 0"
_IDS_PER_QUERY = 500


class MilvusCatalog:
    """The `Catalog` of a collection that alir's workflows filled.

    Args:
        waits: for a Milvus that is gone, also to count.
    """

    def __init__(self, store: AlirMilvusStore, *, waits: bool = False) -> None:
        self._store = store
        self._waits = waits

    @property
    def collection(self) -> str:
        """The collection's name."""
        return self._store.collection_name

    async def versions(self, source_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the complete versions held of each of `source_ids`; absent ones are left out."""
        versions: dict[str, set[str]] = {}
        for start in range(0, len(source_ids), _IDS_PER_QUERY):
            ids = source_ids[start : start + _IDS_PER_QUERY]
            expression = both(among(self._store.doc_id_field, ids), _IS_COMPLETE)
            async for row in self._store.scan(expression, [self._store.doc_id_field, "version"]):
                versions.setdefault(row[self._store.doc_id_field], set()).add(row["version"])
        return versions

    async def unfinished(self) -> AsyncIterator[StoredSource]:
        """Yield the versions that the collection holds a part of: what a crash left behind."""
        complete: set[str] = set()
        chunks = 0
        async for row in self._store.scan(_IS_COMPLETE, ["version", "chunk_count"]):
            complete.add(row["version"])
            chunks += row["chunk_count"]
        if await self.chunks() == chunks:
            return
        fields = [self._store.doc_id_field, "file_path", "version"]
        async for row in self._store.scan("", fields):
            if "version" in row and row["version"] not in complete:
                complete.add(row["version"])  # yielded once
                yield _source(row, self._store.doc_id_field)

    async def sources(self) -> AsyncIterator[StoredSource]:
        """Yield every file the collection holds completely."""
        fields = [self._store.doc_id_field, "file_path", "version"]
        async for row in self._store.scan(_IS_COMPLETE, fields):
            yield _source(row, self._store.doc_id_field)

    async def chunks(self) -> int:
        """Return how many chunks the collection holds."""
        return await self._store.count(waits=self._waits)

    async def files(self) -> int:
        """Return how many files the collection holds completely."""
        return await self._store.count(_IS_COMPLETE, waits=self._waits)


def _source(row: dict[str, Any], doc_id_field: str) -> StoredSource:
    return StoredSource(row[doc_id_field], Path(row["file_path"]), row["version"])
