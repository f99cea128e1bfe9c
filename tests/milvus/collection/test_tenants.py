"""Whose a row is, and which searches need no other's: the partition key of an index on a server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)

from alir import AlirMilvusStore
from alir.milvus.collection.tenants import TenantPartitions
from alir.models.path_filters import below, both, inside, without
from alir.testing import MilvusServer

TENANTS = TenantPartitions("/data/files")
ACME = Path("/data/files/acme")
PATHS = [
    "/data/files/acme/a.txt",
    "/data/files/acme/deep/b.txt",
    "/data/files/acme",
    "/data/files/acme-2/a.txt",
    "/data/files/acme0/a.txt",
    "/data/files/house.txt",
    "/data/filesystem/acme/a.txt",
    "/data/acme/a.txt",
    "/other/a.txt",
    "",
]
PASSES: dict[FilterOperator, Callable[[Any, Any], bool]] = {
    FilterOperator.EQ: lambda path, value: path == value,
    FilterOperator.NE: lambda path, value: path != value,
    FilterOperator.GT: lambda path, value: path > value,
    FilterOperator.GTE: lambda path, value: path >= value,
    FilterOperator.LT: lambda path, value: path < value,
    FilterOperator.LTE: lambda path, value: path <= value,
}


def test_a_file_is_of_the_first_folder_on_the_way_to_it() -> None:
    whose = ["acme", "acme", "", "acme-2", "acme0", "", "", "", "", ""]

    assert [TENANTS.tenant_of(path) for path in PATHS] == whose


def test_what_has_no_path_is_the_houses() -> None:
    assert TENANTS.tenant_of(None) == TENANTS.tenant_of(7) == ""
    assert TenantPartitions("/").tenant_of("/acme/a.txt") == "acme"


@pytest.mark.parametrize(
    ("filters", "whose"),
    [
        (inside(ACME), "acme"),
        (inside(ACME / "deep"), "acme"),
        (both(inside(ACME), without(["v1"])), "acme"),
        (both(without(["v1"]), inside(ACME)), "acme"),
        (below(["/data/files/acme/a.txt", "/data/files/acme/deep"]), "acme"),
        (both(inside(ACME), inside(Path("/data/files"))), "acme"),
        (None, None),
        (without(["v1"]), None),
        (inside(Path("/data/files")), None),
        (below([ACME]), None),  # a house's file may be called so
        (below(["/data/files/acme/a.txt", "/data/files/zeta/a.txt"]), None),
        (below(["/data/files/house.txt"]), None),
        (MetadataFilters(filters=[inside(ACME)], condition=FilterCondition.NOT), None),
        (
            MetadataFilters(filters=[inside(ACME), without(["v1"])], condition=FilterCondition.OR),
            None,
        ),
    ],
)
def test_a_search_in_one_tenants_folder_is_told_from_others(
    filters: MetadataFilters | None, whose: str | None
) -> None:
    assert TENANTS.only_tenant(filters) == whose


async def test_a_row_lies_with_the_tenant_of_its_path_whatever_it_claims(
    milvus_server: MilvusServer,
) -> None:
    store = AlirMilvusStore(
        milvus_server.uri,
        collection_name=f"test_{uuid4().hex[:12]}",
        dim=2,
        upsert_mode=True,
        fingerprint=lambda: {"tenants": TENANTS.root},
    )

    def node(path: str, **metadata: Any) -> TextNode:
        metadata |= {"file_path": path}
        return TextNode(id_="one", text="words", embedding=[1.0, 0.0], metadata=metadata)

    async def found(tenant: str) -> list[str]:
        query = VectorStoreQuery(
            query_embedding=[1.0, 0.0], filters=inside(Path(TENANTS.root, tenant))
        )
        return (await store.aquery(query)).ids or []

    await store.async_add([node("/data/files/acme/a.txt", _tenant="zeta")])
    assert (await found("acme"), await found("zeta")) == (["one"], [])
    # The same row of another tenant takes its place, though it lies in another partition.
    await store.async_add([node("/data/files/zeta/a.txt")])
    assert (await found("acme"), await found("zeta")) == ([], ["one"])
    assert await store.count() == 1
    filters = inside(Path(TENANTS.root, "acme"))
    await store.adelete_nodes(["one"], filters)
    assert await store.count() == 1, "it is not acme's to delete"
    await store.adelete_nodes(["one"], inside(Path(TENANTS.root, "zeta")))
    assert await store.count() == 0
    await store.aclear()
    await store.aclose()


texts = st.sampled_from([*PATHS, "/data/files/acme/", "/data/files/acme0", "/data/files/b"])
comparisons = st.builds(
    MetadataFilter, key=st.just("file_path"), value=texts, operator=st.sampled_from([*PASSES])
)
filters = st.recursive(
    comparisons,
    lambda inner: st.builds(
        MetadataFilters,
        filters=st.lists(inner, min_size=1, max_size=3),
        condition=st.sampled_from(FilterCondition),
    ),
    max_leaves=8,
)


@given(filters)
def test_what_it_says_holds_of_every_path_that_passes(
    chosen: MetadataFilter | MetadataFilters,
) -> None:
    whole = chosen if isinstance(chosen, MetadataFilters) else MetadataFilters(filters=[chosen])

    whose = TENANTS.only_tenant(whole)

    if whose is not None:
        assert {TENANTS.tenant_of(path) for path in PATHS if _passes(path, whole)} <= {whose}


def _passes(path: str, one: MetadataFilter | MetadataFilters) -> bool:
    if isinstance(one, MetadataFilter):
        return PASSES[one.operator](path, one.value)
    each = [_passes(path, inner) for inner in one.filters]
    if one.condition == FilterCondition.NOT:
        return not any(each)
    return any(each) if one.condition == FilterCondition.OR else all(each)
