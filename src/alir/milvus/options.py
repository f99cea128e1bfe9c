"""The options of `MilvusVectorStore`, as Milvus takes them, or an error that says what to do."""

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.vector_stores.milvus.base import IndexManagement
from llama_index.vector_stores.milvus.utils import BaseSparseEmbeddingFunction, BM25BuiltInFunction
from pymilvus import DataType, RRFRanker, WeightedRanker
from pymilvus.client.abstract import BaseRanker

from alir.errors import InvalidSetting
from alir.milvus.rows import ID_FIELD

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
CONSISTENCY_LEVELS = ["Strong", "Bounded", "Session", "Eventually"]
METRICS = {"ip": "IP", "l2": "L2", "euclidean": "L2", "cosine": "COSINE"}
VECTORS_AND_LISTS = {
    DataType.FLOAT_VECTOR,
    DataType.BINARY_VECTOR,
    DataType.FLOAT16_VECTOR,
    DataType.BFLOAT16_VECTOR,
    DataType.SPARSE_FLOAT_VECTOR,
    DataType.ARRAY,
}
CONNECTING = {
    "user",
    "password",
    "db_name",
    "secure",
    "server_name",
    "server_pem_path",
    "client_pem_path",
    "client_key_path",
    "ca_pem_path",
    "grpc_options",
}
"""What `MilvusVectorStore` passes on to pymilvus, and alir does, too."""
_ALTERNATIVES = {
    "alias": "Leave it out: every store has a connection of its own, which has no name.",
    "timeout": "Give `timeout_s`, the longest wait for one answer.",
    "dedicated": "Leave it out: every store has a connection of its own.",
}

SparseFunction = BM25BuiltInFunction | BaseSparseEmbeddingFunction


def metric(name: str) -> str:
    """Return Milvus's name of a similarity metric."""
    found = METRICS.get(name.lower())
    if found is None:
        raise InvalidSetting("similarity_metric", f"{name!r} is not one", "Use IP, COSINE or L2.")
    return found


def scalar_fields(
    names: Sequence[str] | None, kinds: Sequence[DataType] | None, *, taken: Sequence[str]
) -> dict[str, DataType]:
    """Return the types of the extra fields of the schema, by name; `taken` are the others'."""
    names, kinds = names or [], kinds or []
    if len(names) != len(kinds):
        raise InvalidSetting(
            "scalar_field_types",
            f"there are {len(kinds)} for {len(names)} scalar_field_names",
            "Give one type a name.",
        )
    for name, kind in zip(names, kinds, strict=True):
        if name in taken:
            problem = f"{name!r} is a field already"
            raise InvalidSetting("scalar_field_names", problem, "Leave it out.")
        if kind in VECTORS_AND_LISTS:
            raise InvalidSetting(
                "scalar_field_types",
                f"{name!r} is of type {DataType(kind).name}, which takes more to describe",
                "Use a plain type or JSON, or make the collection with pymilvus first.",
            )
    return dict(zip(names, kinds, strict=True))


def sparse_function(
    function: object,
    *,
    enabled: bool | None,
    analyzer_params: dict[str, Any] | None,
    texts: Sequence[str],
    field: str,
) -> SparseFunction:
    """Return what makes sparse vectors: the caller's function, or Milvus's BM25 over the text.

    Args:
        texts: the fields of the schema besides vectors; the first is a node's text.
        field: where the vectors go.
    """
    if function is None:
        return BM25BuiltInFunction(
            texts[0], field, function_name="bm25", analyzer_params=analyzer_params or {}
        )
    name = "sparse_embedding_function"
    if enabled is False:
        raise InvalidSetting(name, "nothing uses it", "Give `enable_sparse=True`, too.")
    if analyzer_params is not None:
        raise InvalidSetting("analyzer_params", f"there is a {name}", "Give them to that.")
    if not isinstance(function, BM25BuiltInFunction | BaseSparseEmbeddingFunction):
        raise InvalidSetting(
            name,
            f"{type(function).__name__} makes no sparse vectors",
            "Use a BM25BuiltInFunction or a BaseSparseEmbeddingFunction.",
        )
    if isinstance(function, BM25BuiltInFunction):
        if function.output_field_names != [field]:
            raise InvalidSetting(
                name,
                f"it writes {', '.join(function.output_field_names)}, not {field}",
                "Give it the sparse_embedding_field as its output_field_names.",
            )
        if unknown := set(function.input_field_names) - set(texts):
            raise InvalidSetting(
                name,
                f"it reads {', '.join(sorted(unknown))}, which the collection does not have",
                "Name the text_key, or one of scalar_field_names, as its input_field_names.",
            )
    return function


def ranker(name: str, params: Mapping[str, Any] | None) -> BaseRanker:
    """Return what puts the two halves of a hybrid search in one order."""
    allowed = {"RRFRanker": "k", "WeightedRanker": "weights"}.get(name)
    if allowed is None:
        raise InvalidSetting(
            "hybrid_ranker", f"{name!r} is not one", "Use RRFRanker or WeightedRanker."
        )
    if unknown := set(params or {}) - {allowed}:
        raise InvalidSetting(
            "hybrid_ranker_params", f"{name} has no {sorted(unknown)}", f"It takes {allowed!r}."
        )
    if name == "RRFRanker":
        k = (params or {}).get("k", 60)
        if not isinstance(k, int | float) or k <= 0:
            raise InvalidSetting("hybrid_ranker_params", f"k is {k!r}", "Give a number above 0.")
        return RRFRanker(k)
    weights = (params or {}).get("weights", [1.0, 1.0])
    if [isinstance(weight, int | float) for weight in weights] != [True, True]:
        raise InvalidSetting(
            "hybrid_ranker_params", f"{weights} are not two weights", "Give [dense, sparse]."
        )
    return WeightedRanker(*weights)


def makes_indexes(index_management: IndexManagement | str) -> bool:
    """Return whether missing indexes are made; with NO_VALIDATION they are the caller's."""
    try:
        return IndexManagement(index_management) is IndexManagement.CREATE_IF_NOT_EXISTS
    except ValueError as error:
        raise InvalidSetting(
            "index_management",
            f"{index_management!r} is not one",
            "Use IndexManagement.CREATE_IF_NOT_EXISTS or IndexManagement.NO_VALIDATION.",
        ) from error


def connecting(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what goes to pymilvus's client, of all keywords that are no options of the store."""
    options = dict(options)
    # Milvus's tutorial gives one, which MilvusVectorStore does not know and passes on unseen.
    if options.pop("id_field", ID_FIELD) != ID_FIELD:
        raise InvalidSetting("id_field", f"ids are in the field {ID_FIELD!r}", "Leave it out.")
    for name in options:
        if name not in CONNECTING:
            raise InvalidSetting(
                name,
                "is no option here" if name in _ALTERNATIVES else "is no option of a store",
                _ALTERNATIVES.get(name, "Correct the name, or leave it out."),
            )
    return options


def refuse_collection_name(name: object) -> None:
    """Refuse what Milvus takes for no name of a collection."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidSetting(
            "collection_name",
            f"{reprlib.repr(name)} is no name that Milvus takes",
            "Use at most 255 letters of a to z, digits and underscores; the first is no digit.",
        )


def refuse_unusable(
    *,
    enable_dense: bool,
    enable_sparse: bool | None,
    dim: int | None,
    batch_size: int,
    consistency_level: str,
    use_async_client: bool,
) -> None:
    """Refuse a store without vectors, without a client, or one that could never send a row."""
    if not enable_dense and not enable_sparse:
        raise InvalidSetting(
            "enable_dense", "False leaves no vectors", "Give `enable_sparse=True`, too."
        )
    if dim is not None and dim < 1:
        raise InvalidSetting("dim", f"{dim} is none", "Give that of the embeddings, or None.")
    if batch_size < 1:
        raise InvalidSetting("batch_size", f"{batch_size} rows are no request", "Give 1 or more.")
    if consistency_level not in CONSISTENCY_LEVELS:
        raise InvalidSetting(
            "consistency_level",
            f"{consistency_level!r} is not one",
            f"Use {', '.join(CONSISTENCY_LEVELS)}.",
        )
    if not use_async_client:
        raise InvalidSetting(
            "use_async_client",
            "False leaves no client",
            "Leave it out: `add`, `query` and the rest need no event loop of yours.",
        )


def refuse_on_lite(**options: object) -> None:
    """Refuse the `options` given that Milvus Lite takes and does nothing with."""
    for name, value in options.items():
        if value and name != "grpc_options":
            raise InvalidSetting(
                name, "Milvus Lite does not have this", "Leave it out, or use a Milvus server."
            )
