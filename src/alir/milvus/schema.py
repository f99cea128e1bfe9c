"""The collection: how it is made, and whether an existing one fits.

The schema is `MilvusVectorStore`'s. A collection made by alir also says in its description which
embedding model its vectors come from, so that two models are never mixed in one index.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pymilvus import AsyncMilvusClient, CollectionSchema, DataType, Function, FunctionType
from pymilvus.milvus_client.index import IndexParams

from alir.errors import CollectionMismatch
from alir.milvus.rows import ID_FIELD, MAX_VARCHAR_BYTES

BM25_SINCE = (2, 5)
"""The first Milvus whose full-text function makes sparse vectors of text by itself."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The names and choices a collection is made with."""

    collection: str
    dim: int | None
    text_key: str
    doc_id_field: str
    embedding_field: str
    sparse_embedding_field: str
    metric: str
    index_config: dict[str, Any] = field(default_factory=dict)
    sparse_index_config: dict[str, Any] = field(default_factory=dict)
    analyzer_params: dict[str, Any] = field(default_factory=dict)
    embedding_model: str | None = None


def new_schema(layout: Layout, dim: int, *, sparse: bool) -> CollectionSchema:
    """Return the schema of a new collection; `sparse` adds Milvus's own BM25 over the text."""
    schema = AsyncMilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=True, description=_description(layout)
    )
    varchar = {"datatype": DataType.VARCHAR, "max_length": MAX_VARCHAR_BYTES}
    schema.add_field(ID_FIELD, is_primary=True, **varchar)
    schema.add_field(layout.doc_id_field, **varchar)
    analyzed = {"enable_analyzer": True, "analyzer_params": layout.analyzer_params}
    schema.add_field(layout.text_key, **varchar, **(analyzed if sparse else {}))
    schema.add_field(layout.embedding_field, DataType.FLOAT_VECTOR, dim=dim)
    if sparse:
        schema.add_field(layout.sparse_embedding_field, DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function(
                name="bm25",
                function_type=FunctionType.BM25,
                input_field_names=[layout.text_key],
                output_field_names=[layout.sparse_embedding_field],
            )
        )
    return schema


def new_indexes(layout: Layout, *, sparse: bool) -> dict[str, IndexParams]:
    """Return the indexes of a collection by their fields' names, each to be made on its own."""
    configs = {
        layout.embedding_field: {
            "index_type": "FLAT",
            "metric_type": layout.metric,
            **layout.index_config,
        }
    }
    if sparse:
        configs[layout.sparse_embedding_field] = {
            "index_type": "SPARSE_INVERTED_INDEX",
            "metric_type": "BM25",
            **layout.sparse_index_config,
        }
    indexes = {}
    for name, config in configs.items():
        indexes[name] = AsyncMilvusClient.prepare_index_params()
        indexes[name].add_index(name, index_name=name, **config)
    return indexes


@dataclass(frozen=True, slots=True)
class Found:
    """What an existing collection turned out to be."""

    dim: int
    sparse: bool
    """Whether Milvus itself makes BM25 vectors of the text."""
    fields: dict[str, dict[str, Any]]
    """Its fields by name, as `describe_collection` tells them."""

    @property
    def written(self) -> dict[str, dict[str, Any]]:
        """The fields a writer gives values of; the others Milvus makes itself."""
        return {
            name: about
            for name, about in self.fields.items()
            if not about.get("is_function_output") and not about.get("auto_id")
        }


def check(description: dict[str, Any], index: dict[str, Any], layout: Layout) -> Found:
    """Compare an existing collection with `layout`.

    Args:
        description: what `describe_collection` returned.
        index: what `describe_index` returned for the dense field.

    Raises:
        CollectionMismatch: its fields, dimension, metric or embedding model are others.
    """
    name = layout.collection
    fields = {one["name"]: one for one in description["fields"]}
    for needed in (ID_FIELD, layout.text_key, layout.embedding_field):
        if needed not in fields:
            raise CollectionMismatch(name, f"has no field {needed!r}: it is not one of alir's")
    model = _recorded_model(description.get("description", ""))
    if model and layout.embedding_model and model != layout.embedding_model:
        raise CollectionMismatch(
            name, f"was made with the embedding model {model}, not {layout.embedding_model}"
        )
    dim = int(fields[layout.embedding_field]["params"]["dim"])
    if layout.dim is not None and dim != layout.dim:
        raise CollectionMismatch(name, f"holds vectors of {dim} dimensions, not {layout.dim}")
    metric = str(index.get("metric_type", layout.metric)).upper()
    if metric != layout.metric:
        raise CollectionMismatch(name, f"was made with the metric {metric}, not {layout.metric}")
    sparse = fields.get(layout.sparse_embedding_field)
    return Found(dim, sparse is not None and bool(sparse.get("is_function_output")), fields)


def _description(layout: Layout) -> str:
    if layout.embedding_model is None:
        return ""
    return json.dumps({"embedding_model": layout.embedding_model})


def _recorded_model(description: str) -> str | None:
    try:
        recorded = json.loads(description)
    except ValueError:
        return None
    return recorded.get("embedding_model") if isinstance(recorded, dict) else None
