"""`MilvusVectorStore`'s options: each is taken as it is meant there, or refused by its name."""

import inspect
from typing import Any

import pytest
from llama_index.vector_stores.milvus import MilvusVectorStore
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction
from pymilvus import DataType

from alir import AlirMilvusStore
from alir.errors import (
    InvalidSetting,
)
from tests.milvus.letter_counts import LetterCounts

MINE = {"analyzer_params", "embedding_model", "fingerprint", "is_alias", "outage_s", "timeout_s"}


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


def test_the_common_calls_of_theirs_work_by_place_and_by_name(
    lite_file: Any, node: Any, ask: Any
) -> None:
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
        ({"batch_size": 0}, "batch_size: 0 rows are no request"),
        ({"consistency_level": "session"}, "consistency_level: 'session' is not one. Use Strong"),
        ({"index_management": "none"}, "index_management: 'none' is not one"),
        ({"use_async_client": False}, "use_async_client: False leaves no client"),
        ({"scalar_field_names": ["a"]}, "scalar_field_types: there are 0 for 1"),
        (
            {"scalar_field_names": ["a"], "scalar_field_types": [DataType.ARRAY]},
            "scalar_field_types: 'a' is of type ARRAY",
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


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"hybrid_ranker_params": {"k": 0}}, "hybrid_ranker_params: k is 0"),
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
    ],
)
def test_an_option_of_words_that_would_do_nothing_is_refused_by_its_name(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidSetting, match=why):
        AlirMilvusStore("x.db", **options)


def test_an_unknown_metric_is_refused_not_taken_for_another() -> None:
    with pytest.raises(InvalidSetting, match="cosinus"):
        AlirMilvusStore("x.db", similarity_metric="cosinus")


@pytest.mark.parametrize("name", ["", "a b", "-x", "1a", "ä", "a/b", "a\0", "x" * 256, None, 3])
def test_a_name_that_milvus_does_not_take_for_a_collection_is_refused(name: Any) -> None:
    with pytest.raises(InvalidSetting, match="collection_name"):
        AlirMilvusStore("unused.db", collection_name=name)
