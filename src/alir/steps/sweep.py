"""Sweep: take out of the index the files that are gone from the folder."""

from collections.abc import Sequence
from pathlib import Path

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
)

from alir.ports import Catalog
from alir.steps.walk import is_listed


async def sweep(
    roots: Sequence[Path], *, catalog: Catalog, vector_store: BasePydanticVectorStore
) -> list[Path]:
    """Delete the chunks of every file below `roots` that is not there any more; return the files.

    Only the file system's own word that a file does not exist deletes it; a file or folder that
    cannot be read keeps what it has. What a crash left of versions that were never complete goes
    too. Files outside `roots` are not touched.
    """
    gone = [source async for source in catalog.sources() if is_listed(source.path, roots) is False]
    for source in gone:
        await vector_store.adelete(source.source_id)
    left_over = [
        source async for source in catalog.unfinished() if is_listed(source.path, roots) is not None
    ]
    for source in left_over:
        version = [
            MetadataFilter(key="doc_id", value=source.source_id),
            MetadataFilter(key="version", value=source.version),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*version]))
    return [source.path for source in gone]
