"""Embed: chunks to vectors."""

from collections.abc import Sequence

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import MetadataMode, TextNode

from alir.ports import ShardCatalog


async def embed(chunks: Sequence[TextNode], *, embedding: BaseEmbedding) -> None:
    """Set the `embedding` of each chunk, (dim,) floats, from its text."""
    texts = [chunk.get_content(metadata_mode=MetadataMode.EMBED) for chunk in chunks]
    vectors = await embedding.aget_text_embedding_batch(texts)
    for chunk, vector in zip(chunks, vectors, strict=True):
        chunk.embedding = vector


async def reuse(chunks: Sequence[TextNode], *, catalog: ShardCatalog) -> list[TextNode]:
    """Give the chunks whose text the index holds the vector it has there; return the others."""
    if not chunks:
        return []
    vectors = await catalog.vectors_by_text({chunk.metadata["text_hash"] for chunk in chunks})
    for chunk in chunks:
        chunk.embedding = vectors.get(chunk.metadata["text_hash"])
    return [chunk for chunk in chunks if chunk.embedding is None]


async def embed_question(question: str, *, embedding: BaseEmbedding) -> list[float]:
    """Return the question's vector, (dim,) floats, with the model's query instruction if any."""
    return await embedding.aget_query_embedding(question)
