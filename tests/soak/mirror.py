"""Compare a collection with a folder from outside, while no process has the collection open."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from llama_index.core.node_parser import SentenceSplitter
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from alir.milvus.client import lite
from tests.soak.judge import Chunk, Difference, Row, chunks_of, compare, counted, stored

OPENINGS = 5


@contextmanager
def lite_client(path: str) -> Iterator[MilvusClient]:
    """Open a Milvus Lite file, once more where one that is just ending hinders it."""
    for attempt in range(OPENINGS):
        address = lite.acquire(path)
        try:
            client = MilvusClient(uri=address, dedicated=True)
        except MilvusException:
            lite.release(address)
            if attempt + 1 == OPENINGS:
                raise
            continue
        try:
            with closing(client):
                yield client
        finally:
            lite.release(address)
        return


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
        # A folder that changes a little is judged over and over.
        self._chunks: Callable[[str], list[str]] = lru_cache(10_000)(
            lambda text: chunks_of(text, splitter)
        )

    def divergence(self, folder: Path) -> Difference:
        """Read every row and every file, and return how they differ. Blocks."""
        rows, count = self._rows()
        found = self.compare(folder, rows)
        # A query shows only one of the rows of an id; a count counts them all.
        hidden = [Chunk("an id with two rows", 0, "")] * (count - len(rows))
        return replace(found, doubled=(*found.doubled, *hidden))

    def compare(self, folder: Path, rows: Sequence[Row]) -> Difference:
        """Return how `rows` differ from the files below `folder`."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        return compare(rows, {path: self._chunks(path.read_text()) for path in files})

    def _rows(self) -> tuple[list[Row], int]:
        is_file = "://" not in self._uri
        address = lite.acquire(self._uri) if is_file else self._uri
        try:
            with closing(MilvusClient(uri=address, dedicated=True)) as client:
                if not client.has_collection(self._collection):
                    return [], 0
                client.load_collection(self._collection)
                return stored(client, self._collection), counted(client, self._collection)
        finally:
            if is_file:
                lite.release(address)
