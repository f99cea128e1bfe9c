"""Add: embedded chunks into the vector store, and read back what it acknowledged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from alir.errors import NodeRefused
from alir.ports import ShardCatalog


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of a batch of chunks."""

    written: dict[str, str] = field(default_factory=dict)
    """Chunk id to source id, of files without a refused chunk."""
    first_chunks: list[TextNode] = field(default_factory=list)
    """Each file's first chunk, held back: writing it is what publishes the file."""
    refused: dict[str, str] = field(default_factory=dict)
    """Source id to reason, of files with a chunk that cannot be stored."""


async def add(chunks: Sequence[TextNode], *, vector_store: BasePydanticVectorStore) -> AddResult:
    """Write `chunks`, except each file's first. A file that is refused does not stop others."""
    first_chunks = [chunk for chunk in chunks if chunk.metadata["chunk_index"] == 0]
    waiting = [chunk for chunk in chunks if chunk.metadata["chunk_index"] != 0]
    refused = await write(waiting, vector_store=vector_store)
    written = {c.node_id: s for c in waiting if (s := c.ref_doc_id or "") not in refused}
    return AddResult(written, first_chunks, refused)


async def write(
    chunks: Sequence[TextNode], *, vector_store: BasePydanticVectorStore
) -> dict[str, str]:
    """Write `chunks`, but none of a file that has one which cannot be stored.

    Return source id to reason of the files that were refused.
    """
    refused: dict[str, str] = {}
    waiting = list(chunks)
    while waiting:
        try:
            await vector_store.async_add(waiting)
        except NodeRefused as error:
            source = next(c.ref_doc_id or "" for c in waiting if c.node_id == error.node_id)
            refused[source] = f"cannot be stored: {error.problem}"
            waiting = [chunk for chunk in waiting if chunk.ref_doc_id != source]
        else:
            break
    return refused


async def verify(written: Mapping[str, str], *, catalog: ShardCatalog) -> dict[str, str]:
    """Return source id to reason of the files of which an acknowledged chunk is not there.

    Args:
        written: chunk id to source id.
    """
    if not written:
        return {}
    held = await catalog.existing_chunks(list(written))
    lost = Counter(source for chunk, source in written.items() if chunk not in held)
    return {
        source: f"{_chunks(count)} acknowledged and not there" for source, count in lost.items()
    }


def _chunks(count: int) -> str:
    return "a chunk was" if count == 1 else f"{count} chunks were"
