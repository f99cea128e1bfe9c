"""The judge of an ingestion: is the collection what the folder holds, chunk by chunk?

It shares nothing with the code it judges but the splitter and Milvus: it reads the files itself
and the rows through pymilvus.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import Document
from pymilvus import MilvusClient

_FIELDS = ["id", "text", "file_path", "version", "chunk_index", "chunk_count"]
_MAX_ROWS = 16_384


class Chunk(NamedTuple):
    """Where a chunk stands, and what it says."""

    path: str
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What a collection holds too little or too much of; falsy when it is the folder."""

    lost: tuple[Chunk, ...]
    doubled: tuple[Chunk, ...]
    orphaned: tuple[Chunk, ...]
    """Of files or texts that are not there."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.orphaned)


def stored(client: MilvusClient, collection: str) -> list[dict[str, Any]]:
    """Return the rows of `collection`, as Milvus has them at this moment.

    Raises:
        ValueError: there are more than one answer of Milvus can hold.
    """
    rows = client.query(
        collection,
        filter="",
        output_fields=_FIELDS,
        limit=_MAX_ROWS,
        consistency_level="Strong",
    )
    if len(rows) == _MAX_ROWS:
        raise ValueError(f"{collection} holds more rows than {_MAX_ROWS}")
    return [*rows]


def chunks_of(text: str, node_parser: NodeParser) -> list[str]:
    """Cut `text` as an ingestion does a file that is one block: of under 16,000 characters."""
    nodes = node_parser.get_nodes_from_documents([Document(text=text)])
    return [chunk for node in nodes if (chunk := node.get_content()).strip()]


def difference(
    rows: Iterable[Mapping[str, Any]], texts: Mapping[Path, str], node_parser: NodeParser
) -> Difference:
    """Compare `rows` with the chunks of `texts`, by file."""
    wanted = Counter(
        Chunk(str(path), position, chunk)
        for path, text in texts.items()
        for position, chunk in enumerate(chunks_of(text, node_parser))
    )
    held = Counter(Chunk(row["file_path"], row["chunk_index"], row["text"]) for row in rows)
    return Difference(
        lost=(*(wanted - held).elements(),),
        doubled=(*(one for one in (held - wanted).elements() if one in wanted),),
        orphaned=(*(one for one in (held - wanted).elements() if one not in wanted),),
    )


def whole_versions(rows: Iterable[Mapping[str, Any]], path: Path) -> list[list[str]]:
    """Return the chunks, in order, of each version of `path` that is held completely.

    Complete is what says how many chunks it has, and has so many.
    """
    versions: dict[str, list[Mapping[str, Any]]] = {}
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
