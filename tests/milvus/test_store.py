"""The vector store's contract, on Milvus Lite and on a real server."""

from pathlib import Path
from typing import Any

import pytest
from llama_index.vector_stores.milvus import MilvusVectorStore

from alir import AlirMilvusStore
from alir.errors import InvalidQuery
from tests.milvus.nodes import fruit, nearest, node, where


async def test_what_was_added_is_found_whole_and_best_first(make_store: Any) -> None:
    store = make_store(similarity_metric="COSINE")
    assert await store.async_add(fruit()) == ["apple", "banana", "cherry"]
    found = await store.aquery(nearest([1.0, 0.0, 0.0, 0.0], top_k=2))
    assert found.ids == ["apple", "cherry"]
    assert found.similarities == pytest.approx([1.0, 0.9939], abs=1e-3)
    [apple, _] = found.nodes
    assert apple.text == "The text of apple."
    assert apple.metadata == {"weight": 3, "colour": "red"}
    assert apple.ref_doc_id == "garden"
    assert (apple.start_char_idx, apple.end_char_idx) == (7, 25)


async def test_an_upsert_of_the_same_id_replaces_it(make_store: Any) -> None:
    store = make_store(upsert_mode=True)
    await store.async_add(fruit())
    await store.async_add([node("apple", [0.0, 0.0, 1.0, 0.0], weight=9)])
    assert await store.count() == 3
    [apple] = await store.aget_nodes(node_ids=["apple"])
    assert apple.metadata == {"weight": 9}


async def test_deleting_a_document_takes_its_nodes_and_no_others(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    await store.adelete("garden")
    assert [one.node_id for one in await store.aget_nodes(filters=where("weight", 0, ">"))] == [
        "banana"
    ]


async def test_a_document_id_cannot_reach_other_documents(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    await store.adelete('nope"] or doc_id not in ["')
    await store.adelete("nope' or '1' == '1")
    assert await store.count() == 3


async def test_a_hostile_id_is_an_id_like_any_other(make_store: Any) -> None:
    store = make_store()
    names = ['a"b', "a`b", "a\\b", 'x"] or id not in ["', "naïve 漢字", "tab\t", "%", "_"]
    await store.async_add([node(name, [1.0, 0.0, 0.0, 0.0], source=name) for name in names])
    for left, name in enumerate(reversed(names), start=1):
        [found] = await store.aget_nodes(node_ids=[name])
        assert found.node_id == name
        assert await store.count() == len(names) - left + 1
        await store.adelete(name)


async def test_deleting_by_filter_and_by_id(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    await store.adelete_nodes(node_ids=["apple", "banana"], filters=where("colour", "red"))
    assert await store.count() == 2
    await store.adelete_nodes(filters=where("colour", "red"))
    assert await store.count() == 1
    with pytest.raises(InvalidQuery, match="node_ids and filters"):
        await store.adelete_nodes()


def test_two_stores_are_two_though_their_options_are_alike(tmp_path: Path) -> None:
    assert AlirMilvusStore(str(tmp_path / "a.db")) != AlirMilvusStore(str(tmp_path / "b.db"))


@pytest.mark.filterwarnings("ignore")  # of llama-index-vector-stores-milvus
async def test_it_reads_what_llama_index_wrote_and_the_other_way_round(
    make_store: Any, uri: str
) -> None:
    ours = make_store(similarity_metric="COSINE")

    def theirs() -> MilvusVectorStore:
        return MilvusVectorStore(
            uri=uri, collection_name=ours.collection_name, dim=4, similarity_metric="COSINE"
        )

    await theirs().async_add(fruit()[:2])
    await ours.async_add(fruit()[2:])
    query = nearest([1.0, 0.0, 0.0, 0.0])
    by_us, by_them = await ours.aquery(query), await theirs().aquery(query)
    assert by_us.ids == by_them.ids == ["apple", "cherry", "banana"]
    assert by_us.similarities == pytest.approx(by_them.similarities)
    for one, other in zip(by_us.nodes, by_them.nodes, strict=True):
        assert one.to_dict() == other.to_dict() | {"embedding": None}
