"""Compare a collection with the files of a folder, chunk by chunk.

It shares only the splitter and Milvus with the code it judges: it reads the files itself
and the rows through pymilvus.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import Document
from pymilvus import MilvusClient

_FIELDS = ["id", "text", "file_path", "version", "generation", "chunk_index", "chunk_count"]
_PAGE_ROWS = 1000

Row = Mapping[str, Any]


class Chunk(NamedTuple):
    """A chunk: its file, its number there, and its text."""

    path: str
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The chunks that a collection lacks or has too many of; falsy if there are none."""

    lost: tuple[Chunk, ...]
    doubled: tuple[Chunk, ...]
    """Chunks that are there twice, also in two versions of a file."""
    orphaned: tuple[Chunk, ...]
    """Chunks of files or texts that do not exist."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.orphaned)


def stored(client: MilvusClient, collection: str) -> list[Row]:
    """Return the rows of `collection` at this moment, one for each id."""
    rows: list[Row] = []
    while page := client.query(
        collection,
        filter=f'id > "{rows[-1]["id"] if rows else ""}"',
        output_fields=_FIELDS,
        limit=_PAGE_ROWS,
        consistency_level="Strong",
    ):
        rows += sorted(page, key=lambda row: str(row["id"]))
    return rows


def counted(client: MilvusClient, collection: str) -> int:
    """Return how many rows `collection` holds, with all rows of an id."""
    ask = {"output_fields": ["count(*)"], "consistency_level": "Strong"}
    [found] = client.query(collection, filter="", **ask)
    return int(found["count(*)"])


def chunks_of(text: str, node_parser: NodeParser) -> list[str]:
    """Cut `text` as an ingestion does a file that is one block: of under 16,000 characters."""
    nodes = node_parser.get_nodes_from_documents([Document(text=text)])
    return [chunk for node in nodes if (chunk := node.get_content()).strip()]


def difference(
    rows: Sequence[Row], texts: Mapping[Path, str], node_parser: NodeParser
) -> Difference:
    """Compare `rows` with the chunks of `texts`, by file."""
    return compare(rows, {path: chunks_of(text, node_parser) for path, text in texts.items()})


def compare(rows: Sequence[Row], chunks: Mapping[Path, Sequence[str]]) -> Difference:
    """Compare `rows` with `chunks`, by file in their order."""
    wanted = Counter(
        Chunk(str(path), position, chunk)
        for path, of_file in chunks.items()
        for position, chunk in enumerate(of_file)
    )
    held = Counter(Chunk(row["file_path"], row["chunk_index"], row["text"]) for row in rows)
    surplus = [*(held - wanted).elements()]
    versions = Counter(path for path, _ in {(row["file_path"], row["version"]) for row in rows})
    twice = [Chunk(path, 0, f"in {n} versions") for path, n in versions.items() if n > 1]
    return Difference(
        lost=(*(wanted - held).elements(),),
        doubled=(*(one for one in surplus if one in wanted), *twice),
        orphaned=(*(one for one in surplus if one not in wanted),),
    )


def whole_versions(rows: Iterable[Row], path: Path) -> list[list[str]]:
    """Return the chunks, in order, of each version of `path` that is held completely.

    Complete is what says how many chunks it has, and has so many.
    """
    versions: dict[str, list[Row]] = {}
    for row in rows:
        if row["file_path"] == str(path):
            versions.setdefault(row["version"], []).append(row)
    whole = []
    for chunks in versions.values():
        count = max(row.get("chunk_count") or 0 for row in chunks)
        in_order = sorted(chunks, key=lambda row: int(row["chunk_index"]))
        if count and [row["chunk_index"] for row in in_order] == [*range(count)]:
            whole.append([row["text"] for row in in_order])
    return whole
