"""Prune: take out of a new index what an earlier attempt to build it left there."""

from collections.abc import Collection
from pathlib import Path

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
)

from alir.ports import Catalog
from alir.steps.recover import recover

_ROOT = (Path("/"),)


async def prune(
    wanted: Collection[str], *, catalog: Catalog, vector_store: BasePydanticVectorStore
) -> int:
    """Delete the files that are not `wanted` (source ids), and versions old or never complete.

    Return how many there were.
    """
    pruned = await recover(_ROOT, catalog=catalog, vector_store=vector_store)
    unwanted = [one async for one in catalog.sources() if one.source_id not in wanted]
    for source in unwanted:
        await vector_store.adelete(source.source_id)
    unfinished = [one async for one in catalog.unfinished()]
    for source in unfinished:
        version = [
            MetadataFilter(key="doc_id", value=source.source_id),
            MetadataFilter(key="version", value=source.version),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*version]))
    return pruned + len(unwanted) + len(unfinished)
