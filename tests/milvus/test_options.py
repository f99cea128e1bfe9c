"""`MilvusVectorStore`'s options: each is taken as it is meant there, or refused by its name."""

import inspect
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.milvus import MilvusVectorStore
from llama_index.vector_stores.milvus.base import IndexManagement
from llama_index.vector_stores.milvus.utils import (
    BaseSparseEmbeddingFunction,
    BM25BuiltInFunction,
    FilterOperatorFunction,
)
from pymilvus import DataType

from alir import AlirMilvusStore
from alir.errors import (
    CollectionMismatch,
    InvalidSetting,
    KeywordSearchUnavailable,
    MilvusFailed,
    NodeRefused,
)

MINE = {"analyzer_params", "embedding_model", "timeout_s"}


def node(name: str, text: str = "", **metadata: Any) -> TextNode:
    """A node whose vector is the place of its name's first letter on a circle."""
    angle = {"a": [1.0, 0.0], "b": [0.8, 0.6], "c": [0.0, 1.0]}[name[0]]
    return TextNode(
        id_=name,
        text=text or f"The text of {name}.",
        embedding=angle,
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="document")},
    )


def ask(store: Any, mode: str = "default", text: str = "", **options: Any) -> list[str]:
    return list(answer(store, mode, text, **options).ids or [])


def answer(
    store: Any, mode: str = "default", text: str = "", **options: Any
) -> VectorStoreQueryResult:
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.0],
        query_str=text,
        similarity_top_k=5,
        mode=VectorStoreQueryMode(mode),
    )
    result: VectorStoreQueryResult = store.query(query, **options)
    return result


class LetterCounts(BaseSparseEmbeddingFunction):
    """Sparse vectors that can be read by eye: how often each letter occurs."""

    def encode_queries(self, queries: list[str]) -> list[dict[int, float]]:
        return self.encode_documents(queries)

    def encode_documents(self, documents: list[str]) -> list[dict[int, float]]:
        return [{ord(one): float(text.count(one)) for one in text} for text in documents]


@pytest.fixture
def opened(request: pytest.FixtureRequest, lite_file: Any) -> Iterator[Any]:
    """Open stores on a collection of the test's own: on Milvus Lite, or where `uri` says."""
    name = f"options_{uuid4().hex[:12]}"
    stores: list[AlirMilvusStore] = []

    def make(**options: Any) -> AlirMilvusStore:
        options = {"uri": str(lite_file), "collection_name": name, "dim": 2} | options
        stores.append(AlirMilvusStore(**options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


# What is accepted


def test_every_option_of_theirs_is_one_of_ours_in_the_same_order() -> None:
    theirs = list(inspect.signature(MilvusVectorStore.__init__).parameters.values())
    ours = list(inspect.signature(AlirMilvusStore.__init__).parameters.values())
    options = [one for one in theirs if one.kind != one.VAR_KEYWORD]
    assert len(options) == 28, "theirs has other options than the ones that were looked at"
    for one, other in zip(options, ours, strict=False):
        assert (one.name, one.kind) == (other.name, other.kind)
        if one.name not in {"self", "batch_size", "hybrid_ranker_params"}:
            assert one.default == other.default
    rest = ours[len(options) :]
    assert {one.name for one in rest if one.kind == one.KEYWORD_ONLY} == MINE
    assert [one.kind for one in rest[len(MINE) :]] == [inspect.Parameter.VAR_KEYWORD]


def test_every_option_is_taken_with_the_default_it_has_there() -> None:
    defaults = {
        name: one.default
        for name, one in inspect.signature(MilvusVectorStore.__init__).parameters.items()
        if one.default is not one.empty
    }
    store = AlirMilvusStore(**defaults)
    for name, value in defaults.items():
        if hasattr(store, name):
            assert getattr(store, name) in {value} if value else not getattr(store, name)


def test_the_common_calls_of_theirs_work_by_place_and_by_name(lite_file: Any) -> None:
    by_place = AlirMilvusStore(str(lite_file), "", "by_place", True, True)
    assert (by_place.collection_name, by_place.overwrite, by_place.upsert_mode) == (
        "by_place",
        True,
        True,
    )
    tutorial = AlirMilvusStore(
        uri=str(lite_file),
        dim=2,
        collection_name="tutorial",
        embedding_field="embedding",
        id_field="id",
        similarity_metric="COSINE",
        consistency_level="Strong",
        overwrite=True,
    )
    tutorial.add([node("a")])
    assert ask(tutorial) == ["a"]
    tutorial.close()


# What is refused


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"similarity_metric": "cosinus"}, "similarity_metric: 'cosinus' is not one"),
        ({"enable_dense": False}, "enable_dense: False leaves no vectors"),
        ({"dim": 0}, "dim: 0 is none"),
        (
            {"scalar_field_names": ["text"], "scalar_field_types": [DataType.VARCHAR]},
            "scalar_field_names: 'text' is a field already",
        ),
        ({"hybrid_ranker_params": {"k": 0}}, "hybrid_ranker_params: k is 0"),
        ({"batch_size": 0}, "batch_size: 0 rows are no request"),
        ({"consistency_level": "session"}, "consistency_level: 'session' is not one. Use Strong"),
        ({"index_management": "none"}, "index_management: 'none' is not one"),
        ({"use_async_client": False}, "use_async_client: False leaves no client"),
        ({"scalar_field_names": ["a"]}, "scalar_field_types: there are 0 for 1"),
        (
            {"scalar_field_names": ["a"], "scalar_field_types": [DataType.ARRAY]},
            "scalar_field_types: 'a' is of type ARRAY",
        ),
        ({"sparse_embedding_function": LetterCounts()}, "sparse_embedding_function: nothing uses"),
        (
            {"sparse_embedding_function": object(), "enable_sparse": True},
            "sparse_embedding_function: object makes no sparse vectors",
        ),
        (
            {
                "sparse_embedding_function": BM25BuiltInFunction(output_field_names="other"),
                "enable_sparse": True,
            },
            "it writes other, not sparse_embedding",
        ),
        (
            {
                "sparse_embedding_function": BM25BuiltInFunction(input_field_names="title"),
                "enable_sparse": True,
            },
            "it reads title, which the collection does not have",
        ),
        (
            {
                "sparse_embedding_function": LetterCounts(),
                "enable_sparse": True,
                "analyzer_params": {},
            },
            "analyzer_params: there is a sparse_embedding_function",
        ),
        ({"hybrid_ranker": "BestRanker"}, "hybrid_ranker: 'BestRanker' is not one"),
        ({"hybrid_ranker_params": {"weights": [1, 2]}}, r"RRFRanker has no \['weights'\]"),
        (
            {"hybrid_ranker": "WeightedRanker", "hybrid_ranker_params": {"weights": [1.0]}},
            "not two weights",
        ),
        ({"id_field": "pk"}, "id_field: ids are in the field 'id'"),
        ({"alias": "default"}, "alias: .* has no name"),
        ({"timeout": 3}, "timeout: .* `timeout_s`"),
        ({"colection_name": "a"}, "colection_name: is no option"),
        ({"collection_properties": {"collection.ttl.seconds": 9}}, "Milvus Lite does not have"),
        ({"db_name": "other"}, "db_name: Milvus Lite does not have"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused_by_its_name(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidSetting, match=why):
        AlirMilvusStore("x.db", **options)


def test_partitions_are_refused_on_milvus_lite_which_puts_everything_in_one(opened: Any) -> None:
    store = opened()
    store.add([node("a")])
    for call in (
        lambda: store.add([node("b")], milvus_partition_name="p"),
        lambda: store.delete("document", milvus_partition_name="p"),
        lambda: store.delete_nodes(["a"], milvus_partition_name="p"),
        lambda: store.get_nodes(["a"], milvus_partition_names=["p"]),
        lambda: ask(store, milvus_partition_names=["p"]),
    ):
        with pytest.raises(InvalidSetting, match="milvus_partition_name"):
            call()
    assert ask(store) == ["a"]


# What it does


def test_scalar_fields_are_fields_of_the_schema_filled_from_the_metadata(opened: Any) -> None:
    scalars = {
        "scalar_field_names": ["weight", "colour"],
        "scalar_field_types": [DataType.INT64, DataType.VARCHAR],
    }
    store = opened(**scalars)
    store.add([node("a", weight=3, colour="red", rest=1), node("b", weight=1, colour="blue")])
    fields = store.client.describe_collection(store.collection_name)["fields"]
    assert {"weight": DataType.INT64, "colour": DataType.VARCHAR}.items() <= {
        one["name"]: one["type"] for one in fields
    }.items()
    heavy = MetadataFilters(filters=[MetadataFilter(key="weight", value=2, operator=">")])
    for reader in (store, opened()):
        [found] = reader.get_nodes(filters=heavy)
        assert (found.node_id, found.metadata) == ("a", {"weight": 3, "colour": "red", "rest": 1})
    for bad in (node("c", weight=1), node("c", weight=1, colour=None)):
        with pytest.raises(NodeRefused, match="no 'colour', a field of the schema"):
            store.add([bad])
    with pytest.raises(CollectionMismatch, match="has no field 'height'"):
        ask(opened(scalar_field_names=["height"], scalar_field_types=[DataType.INT64]))


def test_without_dense_vectors_there_are_only_words(opened: Any) -> None:
    store = opened(enable_dense=False, enable_sparse=True, dim=None, upsert_mode=True)
    store.add([node("a", "apples"), TextNode(id_="b", text="pears")])
    assert ask(store, "sparse", "pears") == ["b"]
    fields = store.client.describe_collection(store.collection_name)["fields"]
    assert "embedding" not in [one["name"] for one in fields]
    for mode in ("default", "mmr", "hybrid"):
        with pytest.raises(InvalidSetting, match=f"enable_dense: .*{mode}"):
            ask(store, mode, "pears")


def test_bm25_reads_the_fields_and_cuts_the_words_as_its_function_says(opened: Any) -> None:
    store = opened(
        enable_sparse=True,
        scalar_field_names=["title"],
        scalar_field_types=[DataType.VARCHAR],
        sparse_embedding_function=BM25BuiltInFunction(
            input_field_names="title",
            analyzer_params={
                "tokenizer": "standard",
                "filter": [{"type": "stop", "stop_words": ["the"]}],
            },
        ),
    )
    store.add([node("a", "the pear", title="the apple"), node("b", "the apple", title="the pear")])
    assert ask(store, "text_search", "apple") == ["a"]
    assert ask(store, "text_search", "the") == []
    assert store.get_nodes(["a"])[0].text == "the pear"


def test_sparse_vectors_can_be_the_callers_own(opened: Any) -> None:
    own = {"enable_sparse": True, "sparse_embedding_function": LetterCounts()}
    store = opened(**own)
    store.add([node("a", "aaab"), node("b", "bbb"), node("c", "c")])
    assert ask(store, "sparse", "b") == ["b", "a"]
    assert answer(store, "sparse", "b").similarities == [3.0, 1.0]
    assert ask(store, "hybrid", "c")[0] == "c"
    with pytest.raises(KeywordSearchUnavailable):
        ask(opened(enable_sparse=True), "sparse", "b")  # these are not BM25's


def test_the_ranker_decides_what_a_hybrid_search_puts_first(opened: Any) -> None:
    nodes = [node("a", "pear"), node("b", "nothing"), node("c", "apple apple")]
    opened(enable_sparse=True).add(nodes)

    def first(**options: Any) -> list[str]:
        return ask(opened(enable_sparse=True, **options), "hybrid", "apple")

    def weighted(*weights: float) -> dict[str, Any]:
        return {"hybrid_ranker": "WeightedRanker", "hybrid_ranker_params": {"weights": [*weights]}}

    assert first(**weighted(1.0, 0.0)) == ["a", "b", "c"]
    assert first(**weighted(0.0, 1.0))[0] == "c"
    assert first(hybrid_ranker="WeightedRanker") == first(**weighted(1.0, 1.0))
    assert first()[0] == "c"
    scores = [
        answer(opened(enable_sparse=True, hybrid_ranker_params={"k": k}), "hybrid", "apple")
        for k in (1, 60)
    ]
    assert scores[0].similarities[0] > scores[1].similarities[0]


def test_a_hybrid_search_takes_the_queries_own_limits(opened: Any) -> None:
    store = opened(enable_sparse=True)
    store.add([node("a", "apple apple"), node("b", "apple"), node("c", "pear")])

    def found(**limits: int) -> VectorStoreQueryResult:
        query = VectorStoreQuery(
            query_embedding=[1.0, 0.0],
            query_str="apple",
            similarity_top_k=3,
            mode=VectorStoreQueryMode.HYBRID,
            **limits,
        )
        result: VectorStoreQueryResult = store.query(query)
        return result

    assert found().similarities == pytest.approx([2 / 61, 2 / 62, 1 / 63])
    assert found(sparse_top_k=1).similarities == pytest.approx([2 / 61, 1 / 62, 1 / 63])
    assert found(hybrid_top_k=1).ids == ["a"]


@pytest.mark.parametrize("config", [{"radius": 0.9}, {"params": {"radius": 0.9}}])
def test_search_parameters_are_taken_in_both_forms(opened: Any, config: dict[str, Any]) -> None:
    opened().add([node("a"), node("b"), node("c")])
    assert ask(opened()) == ["a", "b", "c"]
    assert ask(opened(search_config=config)) == ["a"]
    assert ask(opened(), milvus_search_config=config) == ["a"]
    assert config in ({"radius": 0.9}, {"params": {"radius": 0.9}}), "it was changed"


def test_an_index_is_made_as_its_configuration_says(opened: Any) -> None:
    store = opened(
        index_config={"index_type": "IVF_FLAT", "nlist": 7, "index_name": "mine"},
        similarity_metric="L2",
    )
    store.add([node("a")])
    index = store.client.describe_index(store.collection_name, "mine")
    assert (index["index_type"], index["metric_type"], index["nlist"]) == ("IVF_FLAT", "L2", "7")
    assert ask(opened(similarity_metric="L2")) == ["a"]  # and no second one is made
    assert store.client.list_indexes(store.collection_name) == ["mine"]


def test_output_fields_come_besides_the_node(opened: Any) -> None:
    opened().add([node("a", colour="red")])
    [plain] = answer(opened()).nodes
    assert (plain.metadata, plain.embedding) == ({"colour": "red"}, None)
    store = opened(output_fields=["doc_id", "embedding", "no such field"])
    for found in (*answer(store).nodes, *store.get_nodes(["a"])):
        assert found.metadata == {"colour": "red", "doc_id": "document"}
        assert found.embedding == [1.0, 0.0]
        assert (found.node_id, found.text) == ("a", "The text of a.")
    query = VectorStoreQuery(query_embedding=[1.0, 0.0], output_fields=["ref_doc_id"])
    [found] = store.query(query).nodes
    assert found.metadata == {"colour": "red", "ref_doc_id": "document"}
    everything = opened(output_fields=["*"])
    [found] = answer(everything).nodes
    assert (found.metadata, found.embedding) == ({"colour": "red"}, [1.0, 0.0])


def test_a_row_that_llama_index_did_not_write_has_the_output_fields_as_metadata(
    opened: Any,
) -> None:
    store = opened(output_fields=["colour"])
    store.add([node("a")])
    row = {"id": "b", "doc_id": "d", "text": "by hand", "embedding": [1.0, 0.0], "colour": "red"}
    store.client.insert(store.collection_name, [row | {"other": 1}])
    [found] = store.get_nodes(["b"])
    assert (found.text, found.metadata) == ("by hand", {"colour": "red"})


def test_milvus_scalar_filters_restrict_a_query(opened: Any) -> None:
    store = opened()
    store.add([node("a", tags=["x", "y"]), node("b", tags=["y"]), node("c")])

    def having(operator: FilterOperatorFunction, value: Any) -> list[str]:
        given = [{"key": "tags", "value": value, "operator": operator}]
        return ask(store, milvus_scalar_filters=given)

    assert having(FilterOperatorFunction.ARRAY_CONTAINS, "x") == ["a"]
    assert having(FilterOperatorFunction.ARRAY_CONTAINS_ANY, ["x", "y"]) == ["a", "b"]
    assert having(FilterOperatorFunction.ARRAY_CONTAINS_ALL, ["x", "y"]) == ["a"]
    assert having(FilterOperatorFunction.ARRAY_LENGTH, 1) == ["b"]
    assert having(FilterOperatorFunction.NARRAY_LENGTH, 1) == ["a", "c"]


def test_with_no_validation_the_indexes_are_the_callers(opened: Any) -> None:
    store = opened(index_management=IndexManagement.NO_VALIDATION)
    store.add([node("a")])
    client, name = store.client, store.collection_name
    assert client.list_indexes(name) == []
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="IP")
    client.create_index(name, index)
    client.load_collection(name)
    assert ask(store) == ["a"]


async def test_the_clients_reach_the_rest_of_milvus(opened: Any) -> None:
    store = opened()
    await store.async_add([node("a")])
    name = store.collection_name
    assert name in await store.aclient.list_collections()
    assert (await store.aclient.get(name, ids=["a"]))[0]["id"] == "a"
    with pytest.raises(MilvusFailed, match="collection not found"):
        await store.aclient.describe_collection("nothing", timeout=2)
    with pytest.raises(AttributeError, match=r"`store\.connection`"):
        _ = store.aclient.is_lite
    await store.aclient.close()
    assert await store.count() == 1


def test_on_a_server_properties_partitions_and_databases_are_what_they_are_there(
    opened: Any, milvus_server: Any
) -> None:
    def at_server(**options: Any) -> AlirMilvusStore:
        store: AlirMilvusStore = opened(uri=milvus_server.uri, **options)
        return store

    def properties(store: AlirMilvusStore) -> dict[str, str]:
        found: dict[str, str] = store.client.describe_collection(store.collection_name)[
            "properties"
        ]
        return found

    store = at_server(collection_properties={"collection.ttl.seconds": 3600})
    store.add([node("a")], force_flush=True)
    assert properties(store) == {"collection.ttl.seconds": "3600"}
    again = at_server(collection_properties={"collection.ttl.seconds": 7200})
    assert ask(again) == ["a"]
    assert properties(store) == {"collection.ttl.seconds": "7200"}

    store.client.create_partition(store.collection_name, "p")
    store.add([node("b")], milvus_partition_name="p")
    assert ask(store) == ["a", "b"]
    assert ask(store, milvus_partition_names=["p"]) == ["b"]
    got = store.get_nodes(["a", "b"], milvus_partition_names=["p"])
    assert [one.node_id for one in got] == ["b"]
    store.delete("document", milvus_partition_name="p")
    assert ask(store) == ["a"]
    store.delete_nodes(["a"], milvus_partition_name="p")
    assert ask(store) == ["a"]
    with pytest.raises(MilvusFailed, match="partition not found"):
        store.add([node("c")], milvus_partition_name="q")

    with pytest.raises(MilvusFailed, match="database:other not found"):
        at_server(db_name="other").add([node("c")])
    store.client.create_database("other")
    at_server(db_name="other").add([node("c")])
    assert ask(at_server(db_name="other")) == ["c"]
    assert ask(store) == ["a"]
    own = {"enable_sparse": True, "sparse_embedding_function": LetterCounts()}
    with pytest.raises(KeywordSearchUnavailable):
        at_server(collection_name="never_made", **own).add([node("a")])
    assert not store.client.has_collection("never_made")
