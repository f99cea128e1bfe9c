"""Recover: finish what a run that died left undone, and see what is gone, before writing."""

from collections.abc import Sequence
from pathlib import Path

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
)

from alir.ports import Catalog
from alir.steps.walk import is_listed


async def recover(
    roots: Sequence[Path], *, catalog: Catalog, vector_store: BasePydanticVectorStore
) -> int:
    """Delete the versions below `roots` that a newer one replaced; return how many there were."""
    replaced = [s async for s in catalog.superseded() if is_listed(s.path, roots) is not None]
    for source in replaced:
        one = [
            MetadataFilter(key="doc_id", value=source.source_id),
            MetadataFilter(key="generation", value=source.generation),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*one]))
    return len(replaced)


async def gone(roots: Sequence[Path], *, catalog: Catalog) -> frozenset[str]:
    """Return the content hashes of the files held that are gone from below `roots`.

    A new file with one of them was moved there.
    """
    held = catalog.sources()
    return frozenset({s.content_hash async for s in held if is_listed(s.path, roots) is False})
