"""Split: cut text into chunks that fit the embedding model, with their offsets."""

from collections.abc import Callable, Iterator, Sequence

from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import Document, NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import FilePart, LoadedPart, chunk_id, digest, head_id
from alir.steps.ingest.place import place

_NOT_FOR_THE_LLM = [
    "file_path",
    "version",
    "generation",
    "chunk_index",
    "text_hash",
    "chunk_count",
    "content_hash",
]
_NOT_EMBEDDED = [*_NOT_FOR_THE_LLM, "file_name", "page_label"]


def split(
    loaded: LoadedPart, *, node_parser: NodeParser, check: Callable[[], None] = lambda: None
) -> list[TextNode]:
    """Cut a part's segments into chunks, in reading order. Blocks; call it off the event loop.

    A chunk's `start_char_idx` and `end_char_idx` are offsets in the whole document, and its text is
    what stands there, whatever the parser made of it; its metadata holds `file_path`, `file_name`,
    `page_label` (PDF), `version`, `generation`, `chunk_index` (from 0) and `text_hash`. Ids are
    deterministic. Only the text is embedded.

    Args:
        check: called for each segment; may end it by raising.
    """
    part = loaded.part
    chunks: list[TextNode] = []
    for segment in loaded.segments:
        check()
        nodes = node_parser.get_nodes_from_documents([Document(text=segment.text)])
        texts = [one.text for one in nodes if isinstance(one, TextNode) and one.text.strip()]
        for span in place(texts, segment.text):
            text = segment.text[span.start : span.end]
            index = part.chunks + len(chunks)
            chunks.append(_chunk(part, text, segment.start + span.start, segment.page, index))
    return chunks


def batches(chunks: Sequence[TextNode], size: int) -> Iterator[list[TextNode]]:
    """Cut `chunks`, in order, into lists of `size`."""
    for start in range(0, len(chunks), size):
        yield list(chunks[start : start + size])


def _chunk(part: FilePart, text: str, start: int, page: int | None, index: int) -> TextNode:
    metadata: dict[str, str | int] = {
        "file_path": str(part.path),
        "file_name": part.path.name,
        "version": part.version,
        "generation": part.generation,
        "chunk_index": index,
        "text_hash": digest(text),
    }
    if page is not None:
        metadata["page_label"] = str(page)
    is_head = index == 0
    return TextNode(
        id_=head_id(part.source_id, part.generation)
        if is_head
        else chunk_id(part.source_id, part.version, part.generation, index),
        text=text,
        start_char_idx=start,
        end_char_idx=start + len(text),
        metadata=metadata,
        excluded_embed_metadata_keys=_NOT_EMBEDDED,
        excluded_llm_metadata_keys=_NOT_FOR_THE_LLM,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=part.source_id)},
    )
