"""The schema of a new collection, and whether an existing collection fits.

The schema is `MilvusVectorStore`'s. The description of a collection that alir made holds its
fingerprint, so that two models are never mixed in one index. If the fingerprint has `tenants`, the
folder that holds their folders, one more field is the partition key.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from llama_index.core.vector_stores.types import MetadataFilters
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction
from pymilvus import AsyncMilvusClient, CollectionSchema, DataType
from pymilvus.milvus_client.index import IndexParams

from alir.errors import CollectionMismatch, FingerprintMismatch
from alir.milvus.collection.tenants import TENANT_FIELD, UPSERTS_SINCE, TenantPartitions
from alir.milvus.filters import FilterDialect, among, both, to_expression
from alir.milvus.options import SparseFunction
from alir.milvus.rows import ID_FIELD, MAX_VARCHAR_BYTES
from alir.models.fingerprint import FOR_QUESTIONS, TENANTS, Fingerprint, differences

Version = tuple[int, ...]
INFIX_SINCE = (2, 4)
"""The first Milvus whose `like` finds text in the middle, and the first with sparse vectors."""
BM25_SINCE = (2, 5)
"""The first Milvus whose full-text function makes sparse vectors of text by itself."""


@dataclass(frozen=True, slots=True)
class CollectionLayout:
    """The names and choices a collection is made with."""

    collection: str
    dim: int | None
    text_key: str
    doc_id_field: str
    embedding_field: str
    sparse_embedding_field: str
    sparse_function: SparseFunction
    metric: str
    dense: bool = True
    scalar_fields: dict[str, DataType] = field(default_factory=dict)
    index_config: dict[str, Any] = field(default_factory=dict)
    sparse_index_config: dict[str, Any] = field(default_factory=dict)
    makes_indexes: bool = True
    properties: dict[str, Any] = field(default_factory=dict)
    fingerprint: Callable[[], Fingerprint] = dict
    """What else than `dim` and `metric` a collection is made with; called off the event loop."""
    is_alias: bool = False
    """Whether `collection` names an index of alir's, which can be rebuilt."""

    @property
    def bm25(self) -> BM25BuiltInFunction | None:
        """Milvus's own function for sparse vectors; None where the client makes them."""
        function = self.sparse_function
        return function if isinstance(function, BM25BuiltInFunction) else None

    @property
    def sparse_metric(self) -> str:
        """The metric of the sparse field."""
        return "BM25" if self.bm25 else "IP"

    @property
    def sparse_since(self) -> Version:
        """The first Milvus that can have the sparse field."""
        return BM25_SINCE if self.bm25 else INFIX_SINCE


def new_schema(
    layout: CollectionLayout, dim: int | None, made_with: Fingerprint, *, sparse: bool
) -> CollectionSchema:
    """Return the schema of a new collection; dense vectors, if it has them, are of `dim`."""
    schema = AsyncMilvusClient.create_schema(
        auto_id=False,
        enable_dynamic_field=True,
        description=json.dumps(dict(made_with)) if made_with else "",
    )
    function = layout.bm25 if sparse else None
    analyzed = function.input_field_names if function else []
    kinds = {
        ID_FIELD: DataType.VARCHAR,
        layout.doc_id_field: DataType.VARCHAR,
        layout.text_key: DataType.VARCHAR,
        **layout.scalar_fields,
    }
    for name, kind in kinds.items():
        limits = {"max_length": MAX_VARCHAR_BYTES} if kind == DataType.VARCHAR else {}
        words = function.get_field_kwargs() if function and name in analyzed else {}
        schema.add_field(name, kind, is_primary=name == ID_FIELD, **limits, **words)
    if TENANTS in made_with:
        schema.add_field(
            TENANT_FIELD, DataType.VARCHAR, max_length=MAX_VARCHAR_BYTES, is_partition_key=True
        )
    if layout.dense:
        schema.add_field(layout.embedding_field, DataType.FLOAT_VECTOR, dim=dim)
    if sparse:
        schema.add_field(layout.sparse_embedding_field, DataType.SPARSE_FLOAT_VECTOR)
    if function:
        schema.add_function(function)
    return schema


def new_indexes(layout: CollectionLayout, *, sparse: bool) -> dict[str, IndexParams]:
    """Return the indexes of a collection by their fields' names, each to be made on its own."""
    indexes = {}
    if layout.dense:
        indexes[layout.embedding_field] = _new_index(
            layout.embedding_field, layout.index_config, "FLAT", layout.metric
        )
    if sparse:
        indexes[layout.sparse_embedding_field] = _new_index(
            layout.sparse_embedding_field,
            layout.sparse_index_config,
            "SPARSE_INVERTED_INDEX",
            layout.sparse_metric,
        )
    return indexes


def _new_index(name: str, config: dict[str, Any], kind: str, metric: str) -> IndexParams:
    known = {"field_name": name, "index_name": name, "index_type": kind, "metric_type": metric}
    about = {key: config.get(key, default) for key, default in known.items()}
    params = {key: value for key, value in config.items() if key not in {*known, "params"}}
    index = AsyncMilvusClient.prepare_index_params()
    index.add_index(**about, params={**config.get("params", {}), **params})
    return index


@dataclass(frozen=True)
class ExistingCollection:
    """An existing collection, as it was found."""

    dim: int | None
    """None without dense vectors."""
    sparse: bool
    """Whether it can be searched by sparse vectors that are made as the layout says."""
    fields: dict[str, dict[str, Any]]
    """Its fields by name, as `describe_collection` returns them."""
    dialect: FilterDialect
    made_with: Fingerprint
    """As far as it is known."""
    tenants: TenantPartitions | None = None
    """The tenants of its rows; None if it has no partition key."""
    upserts: bool = True
    """Whether an upsert writes to the right partition."""

    @cached_property
    def written(self) -> dict[str, dict[str, Any]]:
        """The fields that a writer gives values for; Milvus makes the others itself."""
        return {
            name: about
            for name, about in self.fields.items()
            if not about.get("is_function_output") and not about.get("auto_id")
        }

    @cached_property
    def required(self) -> list[str]:
        """The fields that need a value in every row, besides the dense vector."""
        return [
            name
            for name, about in self.written.items()
            if about["type"] != DataType.FLOAT_VECTOR
            and not about.get("nullable")
            and about.get("default_value") is None
        ]

    def node_expression(self, node_ids: list[str] | None, filters: MetadataFilters | None) -> str:
        """Return the expression of the nodes that have one of `node_ids` and match `filters`."""
        ids = among(ID_FIELD, node_ids) if node_ids is not None else ""
        matching = to_expression(filters, self.dialect)
        tenant = self.tenants.only_tenant(filters) if self.tenants and filters else None
        # Beside the filters, not instead of them: so Milvus looks in that tenant's partition alone.
        partition = among(TENANT_FIELD, [tenant]) if tenant else ""
        return both(ids, partition, matching)


def check_collection(
    description: dict[str, Any],
    index: dict[str, Any],
    layout: CollectionLayout,
    version: Version | None,
    present: Fingerprint,
) -> ExistingCollection:
    """Compare an existing collection with `layout`.

    Args:
        description: what `describe_collection` returned.
        index: what `describe_index` returned for the dense field.
        version: of the server; None for Milvus Lite.
        present: what `layout.fingerprint` returned.

    Raises:
        CollectionMismatch: its fields, dimension, metric or embedding model are others.
    """
    name = layout.collection
    fields = {one["name"]: one for one in description["fields"]}
    vectors = [layout.embedding_field] if layout.dense else []
    for needed in (ID_FIELD, layout.text_key, *layout.scalar_fields, *vectors):
        if needed not in fields:
            raise CollectionMismatch(name, f"has no field {needed!r}: it is not one of alir's")
    if fields[ID_FIELD]["type"] != DataType.VARCHAR:
        raise CollectionMismatch(name, f"has ids that are not text, in its field {ID_FIELD!r}")
    dim = int(fields[layout.embedding_field]["params"]["dim"]) if layout.dense else None
    made_with = recorded_fingerprint(description.get("description", ""))
    made_with["metric"] = str(index.get("metric_type", layout.metric)).upper()
    present = {**present, "metric": layout.metric}
    if dim is not None:
        made_with["dim"] = str(dim)
    if layout.dense and layout.dim is not None:
        present["dim"] = str(layout.dim)
    if differences(made_with, present, of=FOR_QUESTIONS):
        raise mismatch(layout, made_with, present)
    sparse = fields.get(layout.sparse_embedding_field)
    made_alike = sparse is not None and bool(sparse.get("is_function_output")) == bool(layout.bm25)
    dialect = FilterDialect(
        {one: DataType(about["type"]) for one, about in fields.items()},
        negates=version is not None,
        matches_inside=version is None or version >= INFIX_SINCE,
    )
    key = fields.get(TENANT_FIELD, {}).get("is_partition_key")
    tenants = TenantPartitions(made_with[TENANTS]) if key and TENANTS in made_with else None
    upserts = tenants is None or version is None or version >= UPSERTS_SINCE
    return ExistingCollection(dim, made_alike, fields, dialect, made_with, tenants, upserts)


def mismatch(
    layout: CollectionLayout, held: Fingerprint, present: Fingerprint
) -> CollectionMismatch:
    """Return the error that names how the collection differs from one made now."""
    differing = differences(held, present)
    parts = [str(one) for one in differing]
    if not layout.is_alias:
        return CollectionMismatch(layout.collection, f"was made with {'; '.join(parts)}")
    restored = [one.restored_by for one in differing if one.restored_by]
    return FingerprintMismatch(layout.collection, parts, " ".join(restored))


def recorded_fingerprint(description: str) -> dict[str, str]:
    """Return the fingerprint in a collection's description; empty if alir did not write it."""
    try:
        parts = json.loads(description)
    except ValueError:
        return {}
    return {name: str(value) for name, value in parts.items()} if isinstance(parts, dict) else {}
