"""One collection, two stores: what alir's writes LlamaIndex's reads, and the other way round."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import pytest
from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    IndexNode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.milvus import MilvusVectorStore
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction

from alir import AlirMilvusStore
from alir.errors import InvalidQuery

pytestmark = pytest.mark.filterwarnings("ignore")  # of llama-index-vector-stores-milvus

DIM = 4
WORDS = ["apple", "banana", "cherry", "damson", "elder"]
VECTORS = [
    [1.0, 0.0, 0.0, 0.0],
    [0.9, 0.1, 0.0, 0.0],
    [0.8, 0.0, 0.2, 0.0],
    [0.1, 0.9, 0.1, 0.0],
    [0.0, 0.1, 0.2, 0.9],
]
Writer = Literal["ours", "theirs"]


@dataclass(frozen=True)
class Pair:
    """The two stores on the same collections of one Milvus: one made by ours, one by theirs."""

    stores: dict[tuple[str, Writer], Any]
    modes: list[VectorStoreQueryMode]

    def on(self, collection: str, writer: Writer) -> tuple[Any, Any]:
        """The store that writes, and the one that reads."""
        reader: Writer = "theirs" if writer == "ours" else "ours"
        return self.stores[collection, writer], self.stores[collection, reader]


@pytest.fixture(scope="module", params=["lite", "server"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both stores, on two collections for the whole module: each test has documents of its own."""
    is_lite = request.param == "lite"
    place = request.getfixturevalue("lite_file" if is_lite else "milvus_server")
    uri = str(place) if is_lite else place.uri
    modes = [VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR]
    if is_lite:  # the server, Milvus 2.3, has no sparse vectors
        modes += [
            VectorStoreQueryMode.SPARSE,
            VectorStoreQueryMode.TEXT_SEARCH,
            VectorStoreQueryMode.HYBRID,
        ]
    classes: dict[Writer, Callable[..., BasePydanticVectorStore]] = {
        "ours": AlirMilvusStore,
        "theirs": MilvusVectorStore,
    }
    stores: dict[tuple[str, Writer], Any] = {}
    for maker in classes:
        name = f"contract_{uuid4().hex[:12]}"
        for writer in sorted(classes, key=lambda one: one != maker):
            store = classes[writer](
                uri=uri,
                collection_name=name,
                dim=DIM,
                similarity_metric="COSINE",
                enable_sparse=is_lite,
                # Without it theirs ends the process where it finds a collection of Milvus Lite.
                sparse_embedding_function=BM25BuiltInFunction() if is_lite else None,
                upsert_mode=True,
            )
            stores[f"by_{maker}", writer] = store
            if writer == maker:
                store.add(texts("a first one"))
    yield Pair(stores, modes)
    for (_, writer), store in stores.items():
        if writer == "ours":
            store.close()


COLLECTIONS = pytest.mark.parametrize("collection", ["by_ours", "by_theirs"])
WRITERS = pytest.mark.parametrize("writer", ["ours", "theirs"])


def texts(source: str) -> list[TextNode]:
    """Nodes of the document `source`, named after it."""
    return [
        TextNode(
            id_=f"{source}-{word}",
            text=f"The {word} is a fruit, and {word} number {number}.",
            embedding=vector,
            metadata={"word": word, "number": number, "source": source},
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
        )
        for number, (word, vector) in enumerate(zip(WORDS, VECTORS, strict=True))
    ]


def of(source: str) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key="source", value=source)])


def ids(nodes: list[BaseNode]) -> set[str]:
    return {node.node_id for node in nodes}


def bare(node: BaseNode) -> dict[str, Any]:
    """Everything of a node but its embedding, which alir brings only when asked."""
    return node.to_dict() | {"embedding": None}


KINDS_OF_NODES = [
    TextNode(
        text='Text with 漢字, "quotes", it\'s\nlines.',
        metadata={"text_": "é", "int": 1, "float": 2.5, "bool": True, "none": None, "list": ["a"]},
        excluded_embed_metadata_keys=["int"],
        excluded_llm_metadata_keys=["float"],
        metadata_template="{key}={value}",
        text_template="{content}",
        start_char_idx=3,
        end_char_idx=9,
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(node_id="document", metadata={"k": "v"}),
            NodeRelationship.NEXT: RelatedNodeInfo(node_id="next", hash="1234"),
            NodeRelationship.CHILD: [RelatedNodeInfo(node_id="child")],
        },
    ),
    TextNode(text="no source", metadata={"doc_id": "not the source", "nested": {"a": [1, {}]}}),
    TextNode(text="", metadata={}),
    IndexNode(text="an index", index_id="index", metadata={"a": "b"}),
    ImageNode(text="an image", image_url="http://127.0.0.1/image.png", image_mimetype="image/png"),
]


def test_both_make_the_same_collection(pair: Pair) -> None:
    schemas, indexes = [], []
    for collection in ("by_ours", "by_theirs"):
        ours = pair.stores[collection, "ours"]
        described = ours.client.describe_collection(ours.collection_name)
        schemas.append(
            {
                "fields": [
                    {key: value for key, value in one.items() if key != "field_id"}
                    for one in described["fields"]
                ],
                "dynamic": described["enable_dynamic_field"],
                "consistency_level": described["consistency_level"],
            }
        )
        names = ours.client.list_indexes(ours.collection_name)
        described = [ours.client.describe_index(ours.collection_name, name) for name in names]
        indexes.append(
            {
                one["index_name"]: (one["field_name"], one["index_type"], one["metric_type"])
                for one in described
            }
        )
    assert schemas[0] == schemas[1]
    assert indexes[0] == indexes[1]
    made_by_milvus = [one["name"] for one in schemas[0]["fields"] if one.get("is_function_output")]
    assert made_by_milvus == (["sparse_embedding"] if len(pair.modes) > 2 else [])


@pytest.mark.parametrize("node", KINDS_OF_NODES, ids=range(len(KINDS_OF_NODES)))
def test_both_write_the_same_row(pair: Pair, node: BaseNode) -> None:
    rows = []
    for writer in ("ours", "theirs"):
        store = pair.stores["by_ours", writer]
        written = node.model_copy(deep=True)
        written.embedding = [0.1, 0.2, 0.3, 0.4]
        store.add([written])  # an upsert: of the same id
        [row] = pair.stores["by_ours", "ours"].client.query(
            store.collection_name,
            filter=f'id == "{node.node_id}"',
            output_fields=["*"],
            consistency_level="Strong",
        )
        rows.append(dict(row) | {"_node_content": json.loads(row["_node_content"])})
    assert rows[0] == rows[1]
    expected = {"id", "doc_id", "text", "embedding", "_node_content", "_node_type", "ref_doc_id"}
    assert expected <= set(rows[0])


FOUND = {
    VectorStoreQueryMode.DEFAULT: ["apple", "banana", "cherry"],
    VectorStoreQueryMode.MMR: ["apple", "damson", "cherry"],
    VectorStoreQueryMode.SPARSE: ["banana"],
    VectorStoreQueryMode.TEXT_SEARCH: ["banana"],
    VectorStoreQueryMode.HYBRID: ["banana", "apple", "cherry"],
}


@COLLECTIONS
@WRITERS
def test_what_one_wrote_the_other_finds_alike_in_every_mode(
    pair: Pair, collection: str, writer: Writer
) -> None:
    source = f"{writer} in {collection}"
    write, read = pair.on(collection, writer)
    write.add(texts(source))
    for mode in pair.modes:
        query = VectorStoreQuery(
            query_embedding=[1.0, 0.05, 0.0, 0.0],
            query_str="banana",
            similarity_top_k=3,
            mode=mode,
            filters=of(source),
        )
        by_writer, by_reader = write.query(query), read.query(query)
        assert by_writer.ids == by_reader.ids, mode
        assert by_reader.ids == [f"{source}-{word}" for word in FOUND[mode]]
        assert by_writer.similarities == pytest.approx(by_reader.similarities), mode
        assert [bare(node) for node in by_writer.nodes] == [bare(node) for node in by_reader.nodes]
        assert by_reader.nodes[0].text.startswith("The ")


def test_maximum_marginal_relevance_takes_the_same_options(pair: Pair) -> None:
    ours, theirs = pair.on("by_ours", "ours")
    ours.add(texts("mmr"))
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.05, 0.0, 0.0],
        similarity_top_k=3,
        mode=VectorStoreQueryMode.MMR,
        filters=of("mmr"),
    )
    answers = set()
    for options in (
        {},
        {"mmr_threshold": 0.1},
        {"mmr_threshold": 1.0},
        {"mmr_prefetch_k": 3},
        {"mmr_prefetch_factor": 1.0, "mmr_threshold": 0.0},
    ):
        by_us, by_them = ours.query(query, **options), theirs.query(query, **options)
        assert by_us.ids == by_them.ids, options
        assert by_us.similarities == pytest.approx(by_them.similarities)
        answers.add(tuple(by_us.ids))
    assert len(answers) > 2
    query.mmr_threshold = 0.1  # theirs does not look at it
    assert ours.query(query).ids == theirs.query(query, mmr_threshold=0.1).ids
    for store in (ours, theirs):
        with pytest.raises((ValueError, InvalidQuery), match="mmr_prefetch_k"):
            store.query(query, mmr_prefetch_k=3, mmr_prefetch_factor=2.0)


@COLLECTIONS
@WRITERS
def test_what_one_wrote_the_other_gets(pair: Pair, collection: str, writer: Writer) -> None:
    source = f"got {writer} in {collection}"
    write, read = pair.on(collection, writer)
    write.add(texts(source))
    wanted = [node.node_id for node in texts(source)[:2]]
    by_id = read.get_nodes(node_ids=wanted)
    by_filter = read.get_nodes(filters=of(source))
    assert ids(by_id) == set(wanted)
    assert ids(by_filter) == ids(texts(source))
    given = {node.node_id: bare(node) for node in write.get_nodes(filters=of(source))}
    assert {node.node_id: bare(node) for node in by_filter} == given


@COLLECTIONS
@WRITERS
def test_what_one_wrote_the_other_replaces(pair: Pair, collection: str, writer: Writer) -> None:
    source = f"replaced {writer} in {collection}"
    write, read = pair.on(collection, writer)
    write.add(texts(source))
    again = texts(source)[0]
    again.set_content("Other text.")
    read.add([again])
    for store in (write, read):
        nodes = {node.node_id: node for node in store.get_nodes(filters=of(source))}
        assert len(nodes) == len(WORDS)
        assert nodes[again.node_id].text == "Other text."


@COLLECTIONS
@WRITERS
def test_what_one_wrote_the_other_deletes(pair: Pair, collection: str, writer: Writer) -> None:
    source = f"deleted {writer} in {collection}"
    write, read = pair.on(collection, writer)
    write.add([*texts(source), *texts(f"{source}, kept")])
    read.delete_nodes(node_ids=[f"{source}-apple"])
    assert ids(write.get_nodes(filters=of(source))) == ids(texts(source)[1:])
    number = MetadataFilter(key="number", value=3, operator=">=")
    read.delete_nodes(filters=MetadataFilters(filters=[number, *of(source).filters]))
    assert ids(write.get_nodes(filters=of(source))) == ids(texts(source)[1:3])
    read.delete(source)
    assert write.get_nodes(filters=of(source)) == []
    assert len(write.get_nodes(filters=of(f"{source}, kept"))) == len(WORDS)


def test_their_own_conveniences_work_on_ours(pair: Pair) -> None:
    ours, _ = pair.on("by_theirs", "ours")
    ours.add([*texts("one"), *texts("two")])
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.0, 0.0, 0.0], similarity_top_k=9, doc_ids=["one", "two"]
    )
    assert len(ours.query(query, string_expr="number < 2 and source == 'one'").ids) == 2
    assert len(ours.query(query, milvus_search_config={"radius": 0.95}).ids) == 6
    ours.delete(["one", "two"])
    assert ours.query(query).ids == []
    with suppress(AttributeError):
        ours.client.no_such_method()
        pytest.fail("the client has it")
