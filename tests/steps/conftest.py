"""What the tests of the steps share: fakes that can be read by eye."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from pydantic import Field

from alir.errors import NodeRefused
from alir.models.differences import StoredChunk
from alir.models.files import FileVersion, StoredSource, StoredVersion

# The same examples on every machine, and no folder of them left behind.
settings.register_profile("alir", derandomize=True, deadline=None, database=None)
settings.load_profile("alir")


class InMemoryStore(BasePydanticVectorStore):
    """Nodes in a dictionary by id; every write is logged, in words."""

    stores_text: bool = True
    nodes: dict[str, BaseNode] = Field(default_factory=dict)
    refuses: dict[str, str] = Field(default_factory=dict)
    """Node id to problem; an add that holds such a node writes nothing."""
    log: list[str] = Field(default_factory=list)

    @property
    def client(self) -> None:
        return None

    @property
    def catalog(self) -> "InMemoryCatalog":
        return InMemoryCatalog(self)

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        ids = [node.node_id for node in nodes]
        for refused in (one for one in ids if one in self.refuses):
            self.log.append(f"refuse {refused}")
            raise NodeRefused(refused, self.refuses[refused])
        self.log.append(f"add {' '.join(ids)}")
        self.nodes |= {node.node_id: node.model_copy(deep=True) for node in nodes}
        return ids

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        self.log.append(f"delete doc_id == {ref_doc_id}")
        self.nodes = {i: node for i, node in self.nodes.items() if node.ref_doc_id != ref_doc_id}

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        assert node_ids is None
        assert filters is not None
        tests = [one for one in filters.filters if isinstance(one, MetadataFilter)]
        words = " and ".join(f"{one.key} {one.operator.value} {one.value}" for one in tests)
        self.log.append(f"delete {words}")
        self.nodes = {
            i: node for i, node in self.nodes.items() if not all(_holds(t, node) for t in tests)
        }

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        assert filters is None
        return [self.nodes[i] for i in node_ids or [] if i in self.nodes]

    def query(self, query: VectorStoreQuery, **_: Any) -> VectorStoreQueryResult:
        """Rank by dot product, or by how many of the question's words a text has."""
        if query.mode == VectorStoreQueryMode.TEXT_SEARCH:
            asked = set((query.query_str or "").split())
            scores = {i: float(len(asked & set(_text(n).split()))) for i, n in self.nodes.items()}
        else:
            assert query.mode == VectorStoreQueryMode.DEFAULT
            vector = query.query_embedding or []
            scores = {
                i: sum(a * b for a, b in zip(vector, node.embedding or [], strict=True))
                for i, node in self.nodes.items()
            }
        best = sorted((i for i in scores if scores[i] > 0), key=lambda i: -scores[i])
        best = best[: query.similarity_top_k]
        return VectorStoreQueryResult(
            nodes=[self.nodes[i] for i in best], similarities=[scores[i] for i in best], ids=best
        )


class InMemoryCatalog:
    """What an `InMemoryStore` says of its files, by the rules of the collection."""

    collection = "in memory"

    def __init__(self, store: InMemoryStore) -> None:
        self.store = store
        self.asked: list[list[str]] = []
        """The ids of every question, in order."""
        self.doubled: dict[FileVersion, int] = {}
        """How many rows of versions have the id of another row."""

    async def live_versions(self, source_ids: Sequence[str]) -> dict[str, StoredSource]:
        self.asked.append(list(source_ids))
        newest = sorted(self._sources(complete=True), key=lambda source: source.generation)
        return {source.source_id: source for source in newest if source.source_id in source_ids}

    async def existing_chunks(self, chunk_ids: Sequence[str]) -> set[str]:
        self.asked.append(list(chunk_ids))
        return self.store.nodes.keys() & set(chunk_ids)

    async def vectors_by_text(self, text_hashes: Collection[str]) -> dict[str, list[float]]:
        self.asked.append(sorted(text_hashes))
        return {
            node.metadata["text_hash"]: node.embedding or []
            for node in self.store.nodes.values()
            if node.metadata.get("text_hash") in text_hashes
        }

    async def complete_versions(
        self, *, below: Sequence[Path] | None = None, **_: Any
    ) -> AsyncIterator[StoredSource]:
        for source in self._sources(complete=True):
            if _is_below(source.path, below):
                yield source

    async def stored_versions(
        self, *, below: Sequence[Path] | None = None, **_: Any
    ) -> list[StoredVersion]:
        rows = [one for one in self._sources(complete=False) if _is_below(one.path, below)]
        keys = [(one.source_id, one.version, one.generation) for one in rows]
        heads = {key: one for key, one in zip(keys, rows, strict=True) if one.chunks}
        bodies = dict(zip(keys, rows, strict=True))
        return [
            StoredVersion(heads.get(key, body), keys.count(key)) for key, body in bodies.items()
        ]

    async def stored_chunks(
        self, *, below: Sequence[Path] | None = None
    ) -> AsyncIterator[StoredChunk]:
        for id_, node in sorted(self.store.nodes.items()):
            about = node.metadata
            if "version" not in about:
                yield StoredChunk(id_, None)
            elif _is_below(Path(about["file_path"]), below):
                position, hash_ = about.get("chunk_index", -1), about.get("text_hash", "")
                yield StoredChunk(id_, _source(node), position, hash_, _text(node))

    async def surplus_rows(self, counts: Mapping[FileVersion, int]) -> dict[FileVersion, int]:
        return {one: self.doubled[one] for one in counts if one in self.doubled}

    async def count_chunks(self, *, below: Sequence[Path] | None = None, **_: Any) -> int:
        if below is None:
            return len(self.store.nodes) + sum(self.doubled.values())
        return sum(one.chunks for one in await self.stored_versions(below=below))

    def _sources(self, *, complete: bool) -> list[StoredSource]:
        return [
            _source(node)
            for node in self.store.nodes.values()
            if "version" in node.metadata and ("chunk_count" in node.metadata) >= complete
        ]


def _source(node: BaseNode) -> StoredSource:
    return StoredSource(
        node.ref_doc_id or "",
        Path(node.metadata["file_path"]),
        node.metadata["version"],
        node.metadata.get("generation", 0),
        node.metadata.get("content_hash", ""),
        node.metadata.get("chunk_count", 0),
    )


def _is_below(path: Path, below: Sequence[Path] | None) -> bool:
    return below is None or any(root in {path, *path.parents} for root in below)


def _holds(test: MetadataFilter, node: BaseNode) -> bool:
    value: Any = node.ref_doc_id if test.key == "doc_id" else node.metadata.get(test.key)
    wanted: Any = test.value
    match test.operator:
        case FilterOperator.EQ:
            return bool(value == wanted)
        case FilterOperator.NE:
            return bool(value != wanted)
        case FilterOperator.IN:
            return value in wanted
        case FilterOperator.NIN:
            return value not in wanted
        case FilterOperator.LT:
            return value is not None and bool(value < wanted)
    raise NotImplementedError(test.operator)


def _text(node: BaseNode) -> str:
    return node.get_content()


class VocabularyEmbedding(BaseEmbedding):
    """How often each word of a small vocabulary stands in the text; then 1 for a question."""

    vocabulary: list[str]
    texts: list[str] = Field(default_factory=list)
    """Every text that was embedded, in order; no questions."""

    def _vector(self, text: str) -> list[float]:
        words = re.findall(r"\w+", text.lower())
        return [float(words.count(word)) for word in self.vocabulary]

    def _get_text_embedding(self, text: str) -> list[float]:
        self.texts.append(text)
        return [*self._vector(text), 0.0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return [*self._vector(query), 1.0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def catalog(store: InMemoryStore) -> InMemoryCatalog:
    return InMemoryCatalog(store)


@pytest.fixture
def embedding() -> VocabularyEmbedding:
    return VocabularyEmbedding(vocabulary=["cats", "dogs", "birds", "winter"])
