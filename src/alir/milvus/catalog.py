"""The files that a collection holds, read from the collection itself.

A version's head, its first chunk, is written last and alone carries `chunk_count`, so the rows
that have one are the complete versions. Of two of one file the later generation is live.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import groupby
from pathlib import Path
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from alir.milvus.filters import among, both
from alir.milvus.rows import ID_FIELD
from alir.milvus.store import AlirMilvusStore
from alir.models import path_filters
from alir.models.differences import StoredChunk
from alir.models.files import FileVersion, StoredSource, StoredVersion, source_id
from alir.models.root_lookup import RootLookup, is_below

_IS_COMPLETE = "chunk_count > 0"
_IDS_PER_QUERY = 500
_TEXTS_PER_PAGE = 200
_PATHS_PER_QUERY = 50
"""Of more, the whole index is read: Milvus compares each row with each path."""


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
        self,
        *,
        below: Sequence[Path] | None = None,
        alone: Collection[Path] = (),
        of: MetadataFilters | None = None,
    ) -> AsyncIterator[StoredSource]:
        """Yield the versions held completely: of a file that was updated, maybe two.

        Args:
            below: the paths, files or folders, to look below; None looks at the whole collection.
            alone: those of `below` below which nothing can be.
            of: what they must pass.
        """
        filters = path_filters.both(of, self._filters(below, alone))
        paths = None if below is None else RootLookup(below)
        async for source in self._scan(_IS_COMPLETE, filters):
            if is_below(source.path, paths):
                yield source

    async def stored_versions(
        self, *, below: Sequence[Path] | None = None, alone: Collection[Path] = ()
    ) -> list[StoredVersion]:
        """Return every version, complete or not, with its chunks; reads each row, once."""
        heads: dict[FileVersion, StoredSource] = {}
        counts: Counter[FileVersion] = Counter()
        paths = None if below is None else RootLookup(below)
        async for row in self._store.scan("", self._fields, filters=self._filters(below, alone)):
            if (source := self._source(row)) and is_below(source.path, paths):
                key = FileVersion(source.source_id, source.version, source.generation)
                counts[key] += 1
                if source.chunks or key not in heads:
                    heads[key] = source
        surplus = await self.surplus_rows(counts)
        return [StoredVersion(heads[one], counts[one], surplus[one]) for one in counts]

    async def stored_chunks(
        self, *, below: Sequence[Path] | None = None
    ) -> AsyncIterator[StoredChunk]:
        """Yield every row in the order of the ids, a page of them in memory at a time.

        Of the rows with one id Milvus shows one; see `surplus_rows`.
        """
        text, paths = self._store.text_key, None if below is None else RootLookup(below)
        fields = [*self._fields, "chunk_index", "text_hash", text]
        async for row in self._store.scan(
            "", fields, filters=self._filters(below), page_rows=_TEXTS_PER_PAGE
        ):
            source = self._source(row)
            path = row.get("file_path") if source is None else source.path
            if below is None or (path and is_below(Path(path), paths)):
                position = row.get("chunk_index")
                yield StoredChunk(
                    row[ID_FIELD],
                    source,
                    position if isinstance(position, int) else -1,
                    row.get("text_hash", ""),
                    row.get(text) or "",
                )

    async def count_chunks(
        self, *, below: Sequence[Path] | None = None, alone: Collection[Path] = ()
    ) -> int:
        """Return how many chunks the collection holds."""
        filters = self._filters(below, alone)
        if below is not None and filters is None:
            stored = await self.stored_versions(below=below, alone=alone)
            return sum(one.chunks + one.surplus for one in stored)
        return await self._store.count(filters=filters, waits=self._waits)

    async def surplus_rows(self, counts: Mapping[FileVersion, int]) -> Counter[FileVersion]:
        """Return how many rows more than `counts` each version has.

        Of the rows with one id, Milvus shows one and counts all.
        """
        surplus: Counter[FileVersion] = Counter()
        versions = sorted(counts, key=lambda one: (one.generation, one.source_id))
        waiting = [
            group
            for _, of_generation in groupby(versions, key=lambda one: one.generation)
            for group in _batches([*of_generation], _IDS_PER_QUERY)
        ]
        while waiting:
            group = waiting.pop()
            expression = both(
                among(self._store.doc_id_field, [one.source_id for one in group]),
                f"generation == {group[0].generation}",
                among("version", [one.version for one in group]),
            )
            counted = await self._store.count(expression, waits=self._waits)
            more = counted - sum(counts[one] for one in group)
            if more > 0 and len(group) > 1:
                middle = len(group) // 2
                waiting += [group[:middle], group[middle:]]
            elif more > 0:
                surplus[group[0]] = more
        return surplus

    async def count_files(self) -> int:
        """Return how many files the collection holds completely."""
        return await self._store.count(_IS_COMPLETE, waits=self._waits)

    async def _scan(
        self, expression: str, of: MetadataFilters | None = None
    ) -> AsyncIterator[StoredSource]:
        """Yield the sources of the rows that match `expression`; others' rows have no version."""
        async for row in self._store.scan(expression, self._fields, filters=of):
            if (source := self._source(row)) is not None:
                yield source

    def _filters(
        self, below: Sequence[Path] | None, alone: Collection[Path] = ()
    ) -> MetadataFilters | None:
        """Return filters for the files below the paths; None if they must be told apart here.

        A source id is a field of the schema, a path is looked for in the JSON of each row.
        """
        if below is None:
            return None
        folders = [path for path in below if path not in alone]
        is_many = len(folders) > _PATHS_PER_QUERY or len(below) > _IDS_PER_QUERY
        if is_many or not all(map(_is_plain, folders)):
            return None
        ids = [source_id(path) for path in below if path in alone]
        parts: list[MetadataFilter | MetadataFilters] = []
        if ids:
            name = self._store.doc_id_field
            parts.append(MetadataFilter(key=name, value=ids, operator=FilterOperator.IN))
        if folders:
            parts.append(path_filters.below_real(folders))
        return MetadataFilters(filters=parts, condition=FilterCondition.OR)

    @property
    def _fields(self) -> list[str]:
        metadata = ("file_path", "version", "generation", "content_hash", "chunk_count")
        return [self._store.doc_id_field, *metadata]

    def _source(self, row: dict[str, Any]) -> StoredSource | None:
        if "version" not in row or "file_path" not in row:
            return None
        return StoredSource(
            row[self._store.doc_id_field],
            Path(row["file_path"]),
            row["version"],
            row.get("generation", 0),
            row.get("content_hash", ""),
            row.get("chunk_count", 0),
        )


def _batches(versions: list[FileVersion], size: int) -> Iterator[list[FileVersion]]:
    return (versions[start : start + size] for start in range(0, len(versions), size))


def _is_plain(path: Path) -> bool:
    """Return whether a filter can name the path: it has no line break, and is text."""
    text = str(path)
    return text.isprintable() or not any(
        one in "\n\r" or "\ud800" <= one <= "\udfff" for one in text
    )
