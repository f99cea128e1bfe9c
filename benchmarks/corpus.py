"""The documents of a bench: as they are, or cut and repeated to a number of chunks."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import Document

from alir.documents import formats
from alir.errors import NothingToIngest, UnreadableFile
from alir.models.files import FilePart
from alir.steps.ingest.survey import survey
from alir.steps.ingest.walk import walk

PART_CHARS = 500_000
"""Read at once, as alir's shards do: a text is cut at the same places on every side."""


def files_below(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files alir would ingest.

    Raises:
        InputError: a path does not exist, or there is nothing below them.
    """
    return [one.path for one in walk(survey(paths).paths) if isinstance(one, FilePart)]


def read(files: Sequence[Path]) -> Iterator[Document]:
    """Yield the text of `files` as alir reads it, a document for each page or part.

    Only the text is embedded, and counts when it is split. What cannot be read is left out, as
    alir leaves it out.
    """
    for file in files:
        position = None
        while True:
            try:
                reading = formats.read(file, position, budget_chars=PART_CHARS)
            except UnreadableFile:
                break
            for segment in reading.segments:
                metadata = {"file_name": file.name, "page_label": str(segment.page or 1)}
                yield Document(
                    text=segment.text,
                    metadata=metadata,
                    excluded_embed_metadata_keys=list(metadata),
                    excluded_llm_metadata_keys=list(metadata),
                )
            position = reading.next
            if position is None:
                break


def sized(files: Sequence[Path], chunks: int, folder: Path, parser: NodeParser) -> list[Path]:
    """Write text of `files`, over and over, into new files of together `chunks` chunks.

    No file has a text twice.

    Raises:
        NothingToIngest: there is no text.
    """
    pieces = []
    for file in files:
        nodes = parser.get_nodes_from_documents(list(read([file])))
        if nodes:
            pieces.append([node.get_content() for node in nodes])
    if not pieces:
        raise NothingToIngest(", ".join(map(str, files)), "hold no text")
    if sum(map(len, pieces)) > chunks:  # some of each source, not all of the first
        pieces = [texts[: -(-chunks // len(pieces))] for texts in pieces]
    written: list[Path] = []
    left = chunks
    for texts in cycle(pieces):
        some = texts[:left]
        path = folder / f"part-{len(written):06}.txt"
        # A line of its own first: the same text in two files is two documents.
        path.write_text(f"Part {len(written)}.\n\n" + "\n\n".join(some), encoding="utf-8")
        written.append(path)
        left -= len(some)
        if not left:
            break
    return written
