"""Synthesize, of a question with several parts: the documents' best sentences for each part."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore

from alir.models.answers import SubQuestion
from alir.steps.agent.decompose import topic
from alir.steps.agent.interleave import interleave
from alir.steps.ask.cite import Citations
from alir.steps.ask.extract import extract
from alir.steps.ask.synthesize import NOT_ANSWERED, cited


def evidence(parts: Sequence[SubQuestion]) -> list[NodeWithScore]:
    """Return the passages of all `parts`, each once: each part's best first, and so on."""
    return interleave([part.passages for part in parts])


async def synthesize_parts(
    parts: Sequence[SubQuestion],
    passages: Sequence[NodeWithScore],
    *,
    citations: Citations,
    embedding: BaseEmbedding,
) -> AsyncIterator[str]:
    """Yield for each part its question and the sentences for it, verbatim, a paragraph a part.

    Args:
        passages: the `evidence` of `parts`, which `citations` are of.
    """
    position = {passage.node.node_id: index for index, passage in enumerate(passages)}
    found = []
    for part in parts:
        own = [passage for passage in part.passages if passage.node.node_id in position]
        quotes = [
            replace(quote, passage=position[own[quote.passage].node.node_id])
            for quote in await extract(topic(part.question), own, embedding=embedding)
        ]
        found.append(cited(quotes, citations))
    if not any(found):
        yield NOT_ANSWERED
        return
    for part, pieces in zip(parts, found, strict=True):
        lead = "\n\n" if part is not parts[0] else ""
        if len(parts) > 1:
            yield f"{lead}{part.question}\n"
        for piece in pieces or [NOT_ANSWERED]:
            yield piece
