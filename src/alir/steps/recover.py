"""Recover: finish what a run that died left undone, before anything new is written."""

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
