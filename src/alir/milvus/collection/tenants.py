"""Tenants: the partition key of a collection on a server, and searches of one partition.

Each tenant has a folder in one root folder, which the collection's fingerprint names. So the path
of a file says which tenant it belongs to, and that never changes. A search with filters that only
one tenant's files can pass also names the tenant, and Milvus then looks in one partition.
"""

import os
from dataclasses import dataclass

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

TENANT_FIELD = "_tenant"
PARTITIONS = 16
"""Of a collection; tenants whose names hash alike share one."""
UPSERTS_SINCE = (2, 4)
"""The first Milvus whose upsert writes to the partition of the key; before, to that of the id's
hash, where no search of the tenant looks (https://github.com/milvus-io/milvus/pull/30772)."""

_PATH = "file_path"

_Range = tuple[str, str | None]
"""The first text, and the first one beyond; None is no end."""
_EVERYTHING: _Range = ("", None)


@dataclass(frozen=True, slots=True)
class TenantPartitions:
    """The tenants of one collection."""

    root: str
    """The folder that holds a folder for each tenant; a real path."""

    def tenant_of(self, path: object) -> str:
        """Return the tenant of the file at `path`; empty if it is in no tenant's folder."""
        root = self.root.rstrip(os.sep) + os.sep
        if not isinstance(path, str) or not path.startswith(root):
            return ""
        name, inside, _ = path.removeprefix(root).partition(os.sep)
        return name if inside else ""

    def only_tenant(self, filters: MetadataFilters | None) -> str | None:
        """Return the one tenant of all files that can pass `filters`; None if there may be others.

        It follows from the conditions on paths.
        """
        first, beyond = _range(filters)
        if beyond is None or not (name := self.tenant_of(first)):
            return None
        # What begins with the folder's path comes before the same with a next character.
        after_folder = os.path.join(self.root, name) + chr(ord(os.sep) + 1)  # noqa: PTH118  a text
        return name if beyond <= after_folder else None


def _range(filters: MetadataFilters | None) -> _Range:
    """Return between which texts the path of all that passes lies. Milvus compares code points."""
    if filters is None or not filters.filters or filters.condition == FilterCondition.NOT:
        return _EVERYTHING
    ranges = [
        _range(one) if isinstance(one, MetadataFilters) else _compared(one)
        for one in filters.filters
    ]
    ends = [beyond for _, beyond in ranges if beyond is not None]
    if filters.condition == FilterCondition.OR:
        return min(first for first, _ in ranges), max(ends) if len(ends) == len(ranges) else None
    return max(first for first, _ in ranges), min(ends, default=None)


def _compared(one: MetadataFilter) -> _Range:
    value = one.value
    if one.key != _PATH or not isinstance(value, str):
        return _EVERYTHING
    if one.operator == FilterOperator.EQ:
        return value, value + "\0"
    if one.operator in {FilterOperator.GT, FilterOperator.GTE}:
        return value, None
    if one.operator == FilterOperator.LT:
        return "", value
    return _EVERYTHING
