"""The files that a collection holds, read from the collection itself.

A version's head, its first chunk, is written last and alone carries `chunk_count`, so the rows
that have one are the complete versions. Of two of one file the later generation is live.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from pathlib import Path

from llama_index.core.vector_stores.types import MetadataFilters

from alir.milvus.filters import among, both
from alir.milvus.rows import ID_FIELD
from alir.milvus.store import AlirMilvusStore
from alir.models.files import StoredSource

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

    async def live_versions(
        self, source_ids: Sequence[str], *, of: MetadataFilters | None = None
    ) -> dict[str, StoredSource]:
        """Return the version held of each of `source_ids`; absent ones are left out.

        Args:
            of: what they must pass.
        """
        live: dict[str, StoredSource] = {}
        for start in range(0, len(source_ids), _IDS_PER_QUERY):
            ids = source_ids[start : start + _IDS_PER_QUERY]
            expression = both(among(self._store.doc_id_field, ids), _IS_COMPLETE)
            async for source in self._scan(expression, of):
                other = live.get(source.source_id)
                if other is None or other.generation < source.generation:
                    live[source.source_id] = source
        return live

    async def existing_chunks(self, chunk_ids: Sequence[str]) -> set[str]:
        """Return those of `chunk_ids` that the collection holds."""
        held: set[str] = set()
        for start in range(0, len(chunk_ids), _IDS_PER_QUERY):
            ids = {*chunk_ids[start : start + _IDS_PER_QUERY]}
            missing = {*ids}
            async with aclosing(self._store.scan(among(ID_FIELD, sorted(ids)), [])) as rows:
                async for row in rows:
                    missing.discard(row[ID_FIELD])
                    if not missing:
                        break  # a scan asks once more, for rows that came meanwhile
            held |= ids - missing
        return held

    async def vectors_by_text(self, text_hashes: Collection[str]) -> dict[str, list[float]]:
        """Return the vectors, (dim,) floats, of the texts held of `text_hashes`."""
        vectors: dict[str, list[float]] = {}
        sought, field = sorted(text_hashes), self._store.embedding_field
        for start in range(0, len(sought), _IDS_PER_QUERY):
            expression = among("text_hash", sought[start : start + _IDS_PER_QUERY])
            async for row in self._store.scan(expression, ["text_hash", field]):
                vectors[row["text_hash"]] = row[field]
        return vectors

    async def complete_versions(
        self, *, of: MetadataFilters | None = None
    ) -> AsyncIterator[StoredSource]:
        """Yield the versions held completely: of a file that was updated, maybe two.

        Args:
            of: what they must pass.
        """
        async for source in self._scan(_IS_COMPLETE, of):
            yield source

    async def unfinished_versions(self, complete: Collection[str]) -> AsyncIterator[StoredSource]:
        """Yield the versions that are not `complete`; reads every row's, once."""
        passed = {*complete}
        async for source in self._scan(""):
            if source.version not in passed:
                passed.add(source.version)
                yield source

    async def count_chunks(self) -> int:
        """Return how many chunks the collection holds."""
        return await self._store.count(waits=self._waits)

    async def count_files(self) -> int:
        """Return how many files the collection holds completely."""
        return await self._store.count(_IS_COMPLETE, waits=self._waits)

    async def _scan(
        self, expression: str, of: MetadataFilters | None = None
    ) -> AsyncIterator[StoredSource]:
        """Yield the sources of the rows that match `expression`; others' rows have no version."""
        name = self._store.doc_id_field
        fields = [name, "file_path", "version", "generation", "content_hash", "chunk_count"]
        async for row in self._store.scan(expression, fields, filters=of):
            if "version" in row:
                yield StoredSource(
                    row[name],
                    Path(row["file_path"]),
                    row["version"],
                    row.get("generation", 0),
                    row.get("content_hash", ""),
                    row.get("chunk_count", 0),
                )
