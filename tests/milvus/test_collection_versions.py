"""One collection version after another: built, made live, rolled back, dropped."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir import AlirMilvusStore
from alir.errors import NothingKept, NothingToRebuild
from alir.milvus.collection_versions import MilvusCollectionVersions


class Index:
    """An index with settings that can change, and the collections that are open."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.name = f"index_{uuid4().hex[:12]}"
        self.chunk_tokens = "100"
        self.open: list[AlirMilvusStore] = []
        self.versions = MilvusCollectionVersions(
            self.store(self.name, is_alias=True),
            open_reader=lambda name: self.store(name, enable_dense=False, enable_sparse=True),
            fingerprint=lambda: {"chunk_tokens": self.chunk_tokens},
        )

    def store(self, name: str, **options: Any) -> AlirMilvusStore:
        made_with = {"index": self.name, "chunk_tokens": self.chunk_tokens}
        dim = None if "enable_dense" in options else 4
        options = {"dim": dim, "fingerprint": lambda: made_with, "enable_sparse": None} | options
        self.open.append(AlirMilvusStore(self.uri, "", name, **options))
        return self.open[-1]

    async def fill(self, name: str, **options: Any) -> None:
        head = TextNode(
            id_=name,
            text="One chunk.",
            embedding=[1.0, 0.0, 0.0, 0.0],
            metadata={"chunk_count": 1},
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="file")},
        )
        await self.store(name, **options).async_add([head])


@pytest.fixture
async def index(lite_file: Path) -> AsyncIterator[Index]:
    index = Index(str(lite_file))
    yield index
    await index.versions.aclose()
    for store in index.open:
        await store.aclose()


async def test_without_a_collection_no_version_is_live_or_kept(index: Index) -> None:
    assert await index.versions.live_version() is None
    assert await index.versions.previous_version() is None
    assert await index.versions.other_versions() == []
    with pytest.raises(NothingKept):
        await index.versions.roll_back()


async def test_a_version_is_built_beside_the_live_one_and_takes_its_place(index: Index) -> None:
    await index.fill(index.name, is_alias=True)
    versions = index.versions
    with pytest.raises(NothingToRebuild):
        await versions.begin_version()

    index.chunk_tokens = "200"
    new = await versions.begin_version()
    await index.fill(new)
    assert await versions.begin_version() == new, "what was begun is gone on with"
    audit = await versions.audit(new)
    assert (audit.files, audit.is_whole) == ({"file"}, True)
    live = await versions.live_version()
    assert live is not None
    assert live.collection == index.name

    await versions.make_live(new)
    live, previous = await versions.live_version(), await versions.previous_version()
    assert live is not None
    assert previous is not None
    assert (live.collection, live.made_with["chunk_tokens"]) == (new, "200")
    assert (previous.collection, previous.made_with["chunk_tokens"]) == (index.name, "100")
    assert await versions.catalog_of(index.name).count_chunks() == 1


async def test_rolling_back_and_dropping_end_with_one_version(index: Index) -> None:
    await index.fill(index.name, is_alias=True)
    index.chunk_tokens = "200"
    new = await index.versions.begin_version()
    await index.fill(new)
    await index.versions.make_live(new)

    assert (await index.versions.roll_back()).collection == index.name
    assert await index.versions.drop_kept() == [new]
    assert await index.versions.other_versions() == []
    with pytest.raises(NothingKept):
        await index.versions.roll_back()
