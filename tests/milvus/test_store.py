"""The vector store's contract, on Milvus Lite and on a real server."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.milvus import MilvusVectorStore

from alir import AlirMilvusStore
from alir.errors import (
    CollectionMismatch,
    InvalidSetting,
    KeywordSearchUnavailable,
    NodeRefused,
)


def node(name: str, vector: list[float], source: str = "document", **metadata: Any) -> TextNode:
    return TextNode(
        id_=name,
        text=f"The text of {name}.",
        embedding=vector,
        metadata=metadata,
        start_char_idx=7,
        end_char_idx=7 + len(f"The text of {name}."),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


def fruit() -> list[TextNode]:
    return [
        node("apple", [1.0, 0.0, 0.0, 0.0], "garden", weight=3, colour="red"),
        node("banana", [0.0, 1.0, 0.0, 0.0], "market", weight=1, colour="yellow"),
        node("cherry", [0.9, 0.1, 0.0, 0.0], "garden", weight=2, colour="red"),
    ]


def where(key: str, value: Any, operator: str = "==") -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


def nearest(vector: list[float], top_k: int = 3, **options: Any) -> VectorStoreQuery:
    return VectorStoreQuery(query_embedding=vector, similarity_top_k=top_k, **options)


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


async def test_a_search_does_not_bring_the_vectors_back(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    found = await store.aquery(nearest([1.0, 0.0, 0.0, 0.0]))
    assert [one.embedding for one in found.nodes] == [None, None, None]


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
    with pytest.raises(ValueError, match="Either node_ids or filters"):
        await store.adelete_nodes()


FILTERS = [
    (where("weight", 2, ">="), {"apple", "cherry"}),
    (where("weight", 2, "<"), {"banana"}),
    (where("weight", 2, "!="), {"apple", "banana"}),
    (where("colour", ["red", "blue"], "in"), {"apple", "cherry"}),
    (where("colour", ["red", "blue"], "nin"), {"banana"}),
    (where("colour", 'red" or weight > 0 or colour == "', "=="), set()),
    (where("no such key", 1), set()),
    (
        MetadataFilters(filters=[where("weight", 3), where("colour", "yellow")], condition="or"),
        {"apple", "banana"},
    ),
    (
        MetadataFilters(filters=[where("weight", 1, ">"), where("weight", 3, "<")]),
        {"cherry"},
    ),
]


async def test_filters_mean_what_they_say(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    for filters, expected in FILTERS:
        got = {one.node_id for one in await store.aget_nodes(filters=filters)}
        assert got == expected, filters
        found = await store.aquery(nearest([1.0, 1.0, 0.0, 0.0], filters=filters))
        assert set(found.ids) == expected, filters


async def test_a_query_can_be_kept_to_documents_and_nodes(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    query = nearest([0.0, 1.0, 0.0, 0.0], doc_ids=["garden"], node_ids=["cherry", "banana"])
    assert (await store.aquery(query)).ids == ["cherry"]
    unrestricted = nearest([0.0, 1.0, 0.0, 0.0], top_k=1, doc_ids=[], node_ids=[])
    assert (await store.aquery(unrestricted)).ids == ["banana"]
    assert await store.aget_nodes(node_ids=[]) == []


async def test_rows_are_scanned_page_by_page_each_once(make_store: Any) -> None:
    store = make_store()
    names = [f"node-{number:03d}" for number in range(53)]
    await store.async_add([node(name, [1.0, 0.0, 0.0, 0.0]) for name in reversed(names)])
    rows = [row["id"] async for row in store.scan("", ["weight"], page_rows=10)]
    assert rows == names


async def test_concurrent_adds_and_searches_all_arrive(make_store: Any) -> None:
    store = make_store()
    nodes = [node(f"n{number}", [float(number), 1.0, 0.0, 0.0]) for number in range(40)]
    await asyncio.gather(*(store.async_add([one]) for one in nodes))
    assert await store.count() == 40
    found = await asyncio.gather(
        *(store.aquery(nearest([1.0, 0.0, 0.0, 0.0], top_k=1)) for _ in range(20))
    )
    assert {one.ids[0] for one in found} == {"n39"}


def test_two_stores_are_two_though_their_options_are_alike(tmp_path: Path) -> None:
    assert AlirMilvusStore(str(tmp_path / "a.db")) != AlirMilvusStore(str(tmp_path / "b.db"))


async def test_rows_with_long_vectors_go_to_lite_in_small_requests(
    make_store: Any, uri: str
) -> None:
    store = make_store(dim=3072)
    first, *others = [node(f"n{number}", [1.0] * 3072) for number in range(81)]
    await store.async_add([first])
    await asyncio.gather(*(store.async_add([one]) for one in others))
    assert await store.count() == 81
    # Of 12 KiB each, of which Lite gets 384 at once.
    assert store.coalesced["inserts"].largest_call == (80 if "://" in uri else 32)


async def test_a_collection_that_does_not_exist_holds_nothing(make_store: Any) -> None:
    store = make_store()
    assert await store.count() == 0
    assert (await store.aquery(nearest([1.0, 0.0, 0.0, 0.0]))).ids == []
    assert await store.aget_nodes(node_ids=["a"]) == []
    await store.adelete("a")
    assert await store.async_add([]) == []


async def test_overwrite_drops_what_was_there_once(make_store: Any) -> None:
    await make_store().async_add(fruit())
    store = make_store(overwrite=True)
    assert await store.count() == 0
    await store.async_add(fruit()[:1])
    await store.async_add(fruit()[1:])
    assert await store.count() == 3


async def test_clear_drops_the_collection_and_the_next_add_makes_it_anew(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    await store.aclear()
    assert await store.count() == 0
    await store.async_add(fruit())
    assert await store.count() == 3


async def test_the_dimension_can_come_from_the_first_node(make_store: Any) -> None:
    store = make_store(dim=None)
    await store.async_add(fruit())
    with pytest.raises(NodeRefused, match="3 dimensions, the collection 4"):
        await store.async_add([node("plum", [1.0, 2.0, 3.0])])


REFUSED = [
    (node("short", [1.0, 2.0]), "2 dimensions, the collection 4"),
    (node("nan", [float("nan"), 0.0, 0.0, 0.0]), "NaN"),
    (node("large", [1.0, 0.0, 0.0, 0.0], blob="x" * 40_000), "metadata takes"),
    (node("it's", [1.0, 0.0, 0.0, 0.0]), "apostrophe"),
    (node("key", [1.0, 0.0, 0.0, 0.0], **{"$meta": 1}), "Milvus's own"),
    (node("line\nbreak", [1.0, 0.0, 0.0, 0.0]), "line break"),
    (TextNode(id_="bare", text="no vector"), "no embedding"),
    (TextNode(id_="long", text="é" * 33_000, embedding=[1.0, 0.0, 0.0, 0.0]), "66000 bytes"),
]


async def test_a_node_milvus_cannot_keep_is_refused_and_nothing_is_written(
    make_store: Any,
) -> None:
    store = make_store()
    await store.async_add(fruit()[:1])
    for bad, why in REFUSED:
        with pytest.raises(NodeRefused, match=why) as refused:
            await store.async_add([*fruit()[1:], bad])
        assert refused.value.node_id == bad.node_id
    assert await store.count() == 1


async def test_a_collection_of_another_dimension_metric_or_model_is_refused(
    make_store: Any,
) -> None:
    await make_store(similarity_metric="COSINE", embedding_model="ours").async_add(fruit())
    for options, why in (
        ({"dim": 5}, "4 dimensions, not 5"),
        ({"similarity_metric": "L2"}, "metric COSINE, not L2"),
        ({"embedding_model": "theirs"}, "embedding model ours, not theirs"),
    ):
        store = make_store(**({"similarity_metric": "COSINE"} | options))
        with pytest.raises(CollectionMismatch, match=why):
            await store.async_add(fruit())
        with pytest.raises(CollectionMismatch, match=why):
            await store.aquery(nearest([1.0, 0.0, 0.0, 0.0]))
    assert await make_store(similarity_metric="COSINE", embedding_model="ours").count() == 3


def test_an_unknown_metric_is_refused_not_taken_for_another() -> None:
    with pytest.raises(InvalidSetting, match="cosinus"):
        AlirMilvusStore("x.db", similarity_metric="cosinus")


async def test_words_are_searched_where_milvus_can_and_refused_where_not(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    query = VectorStoreQuery(
        query_str="banana", similarity_top_k=2, mode=VectorStoreQueryMode.TEXT_SEARCH
    )
    if await store.keyword_search():
        found = await store.aquery(query)
        assert found.ids == ["banana"]
        query.mode, query.query_embedding = VectorStoreQueryMode.HYBRID, [1.0, 0.0, 0.0, 0.0]
        assert set((await store.aquery(query)).ids) == {"banana", "apple"}
    else:
        with pytest.raises(KeywordSearchUnavailable, match=r"Milvus 2\.5"):
            await store.aquery(query)


async def test_a_mode_that_is_not_there_is_an_error(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    with pytest.raises(ValueError, match="svm"):
        await store.aquery(nearest([1.0, 0.0, 0.0, 0.0], mode=VectorStoreQueryMode.SVM))


def test_the_same_store_works_without_an_event_loop_and_from_several(
    uri: str, request: pytest.FixtureRequest
) -> None:
    store = AlirMilvusStore(uri, collection_name=f"sync_{id(request)}", dim=4)
    assert store.add(fruit()) == ["apple", "banana", "cherry"]
    for _ in range(2):
        found = asyncio.run(store.aquery(nearest([1.0, 0.0, 0.0, 0.0], top_k=1)))
        assert found.ids == ["apple"]
    assert store.query(nearest([0.0, 1.0, 0.0, 0.0], top_k=1)).ids == ["banana"]
    store.delete("garden")
    store.delete_nodes(node_ids=["nothing"])
    assert [one.node_id for one in store.get_nodes(node_ids=["apple", "banana"])] == ["banana"]
    store.clear()
    store.close()


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


async def test_lite_says_that_a_file_in_use_is_in_use(tmp_path: Path) -> None:
    store = AlirMilvusStore(str(tmp_path / "held.db"), dim=4)
    await store.async_add(fruit())
    code = (
        "import asyncio; from alir import AlirMilvusStore\n"
        f"asyncio.run(AlirMilvusStore({str(tmp_path / 'held.db')!r}, dim=4).count())"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert b"StoreInUse" in stderr
    assert b"held.db is in use by another process" in stderr
    await store.aclose()
