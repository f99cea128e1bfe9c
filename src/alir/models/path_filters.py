"""LlamaIndex metadata filters that limit a search to paths or versions."""

import os
from collections.abc import Sequence
from pathlib import Path

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

_KEY = "file_path"


def below(paths: Sequence[str | Path]) -> MetadataFilters:
    """Return filters for the files at `paths`, and those in folders there.

    They need not be there: the index may hold what is gone. Links are followed, as they are when
    a folder is ingested.
    """
    return below_real([Path(os.path.realpath(Path(path).expanduser())) for path in paths])


def below_real(paths: Sequence[Path]) -> MetadataFilters:
    """Return filters as `below` does, of paths as the index has them: no link is followed."""
    return MetadataFilters(filters=[_at(str(path)) for path in paths], condition=FilterCondition.OR)


def inside(folder: Path) -> MetadataFilters:
    """Return filters for the files in `folder`, a real path."""
    first = str(folder).rstrip(os.sep) + os.sep
    # What begins with the folder's path comes after it, and before the same with a next character.
    beyond = first[:-1] + chr(ord(os.sep) + 1)
    return MetadataFilters(
        filters=[
            MetadataFilter(key=_KEY, value=first, operator=FilterOperator.GTE),
            MetadataFilter(key=_KEY, value=beyond, operator=FilterOperator.LT),
        ]
    )


def without(versions: Sequence[str]) -> MetadataFilters:
    """Return filters that exclude these versions of files."""
    return MetadataFilters(
        filters=[MetadataFilter(key="version", value=[*versions], operator=FilterOperator.NIN)]
    )


def both(one: MetadataFilters | None, other: MetadataFilters | None) -> MetadataFilters | None:
    """Return filters for what passes both `one` and `other`; None passes all."""
    if one is None or other is None:
        return one or other
    return MetadataFilters(filters=[one, other])


def _at(path: str) -> MetadataFilters:
    return MetadataFilters(
        filters=[MetadataFilter(key=_KEY, value=path), inside(Path(path))],
        condition=FilterCondition.OR,
    )
