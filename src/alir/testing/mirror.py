"""Is the collection the folder? Told without alir's own catalog, from the rows themselves."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from llama_index.core.node_parser import SentenceSplitter
from pymilvus import MilvusClient

from alir.milvus import lite

Row = dict[str, Any]
_PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Divergence:
    """What a collection has too little or too much; false where it is exactly the folder."""

    lost: list[str] = field(default_factory=list)
    """Chunks of files of the folder that no row holds."""
    doubled: list[str] = field(default_factory=list)
    """Chunks that too many rows hold, ids with two rows, files with two versions."""
    orphaned: list[str] = field(default_factory=list)
    """Rows of files, or of texts, that the folder does not have."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.orphaned)


class Mirror:
    """Compares a collection with a folder of UTF-8 text files, whose text is what they hold.

    Args:
        uri: a Milvus Lite file that nobody has open, or a server's address.
        chunk_tokens, chunk_overlap_tokens: as the collection was made with.
    """

    def __init__(
        self, uri: str, collection: str, *, chunk_tokens: int = 256, chunk_overlap_tokens: int = 32
    ) -> None:
        self._uri = uri
        self._collection = collection
        splitter = SentenceSplitter(
            chunk_size=chunk_tokens,
            chunk_overlap=chunk_overlap_tokens,
            include_metadata=False,
            include_prev_next_rel=False,
        )
        self._split: Callable[[str], list[str]] = lru_cache(10_000)(splitter.split_text)

    def divergence(self, folder: Path) -> Divergence:
        """Read every row and every file, and return how they differ. Blocks."""
        rows, count = self.rows()
        divergence = self.compare(folder, rows)
        # A query shows only one of the rows of an id; a count counts them all.
        divergence.doubled.extend(["an id with two rows"] * (count - len(rows)))
        return divergence

    def rows(self) -> tuple[list[Row], int]:
        """Return every row, by id, and what the store says of how many there are. Blocks."""
        is_file = "://" not in self._uri
        address = lite.acquire(self._uri) if is_file else self._uri
        try:
            with closing(MilvusClient(uri=address, dedicated=True)) as client:
                return self._read(client)
        finally:
            if is_file:
                lite.release(address)

    def compare(self, folder: Path, rows: Sequence[Row]) -> Divergence:
        """Return how `rows` differ from the files below `folder`."""
        files = {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}
        expected = Counter(
            (path, index, chunk)
            for path, text in files.items()
            for index, chunk in enumerate(self._split(text))
        )
        found = Counter((row["file_path"], row["chunk_index"], row["text"]) for row in rows)
        surplus = found - expected
        versions = {(row["file_path"], row["version"]) for row in rows}
        files_held = Counter(path for path, _ in versions)
        named = [f"{path} in {n} versions" for path, n in files_held.items() if n > 1]
        return Divergence(
            lost=[_named(*key) for key in (expected - found).elements()],
            doubled=[_named(*key) for key in surplus.elements() if key in expected] + named,
            orphaned=[_named(*key) for key in surplus.elements() if key not in expected],
        )

    def _read(self, client: MilvusClient) -> tuple[list[Row], int]:
        if not client.has_collection(self._collection):
            return [], 0
        client.load_collection(self._collection)
        ask = {"collection_name": self._collection, "consistency_level": "Strong"}
        rows: list[Row] = []
        while page := client.query(
            filter=f'id > "{rows[-1]["id"] if rows else ""}"',
            output_fields=["file_path", "version", "chunk_index", "text"],
            limit=_PAGE_ROWS,
            **ask,
        ):
            rows += sorted(page, key=lambda row: str(row["id"]))
        [counted] = client.query(filter="", output_fields=["count(*)"], **ask)
        return rows, int(counted["count(*)"])


def _named(path: str, index: int, text: str) -> str:
    return f"{path} chunk {index}: {text[:60]!r}"
