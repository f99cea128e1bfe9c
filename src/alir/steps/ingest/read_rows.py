"""Read rows: look at each row of the index, and tell what is wrong with the versions of files.

What is kept of a version does not grow with its text: a bit for each chunk.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alir.models.differences import Difference, DifferenceKind
from alir.models.files import FileVersion, StoredSource, StoredVersion, digest, source_id
from alir.ports import Catalog, Ledger
from alir.steps.ingest.recover import newest_complete, sort_versions

MAX_POSITION = 10_000_000
FOREIGN_NAMED = 5
ROWS_PER_REPORT = 1000


@dataclass(slots=True)
class IndexRows:
    """What the rows of the index say."""

    live: dict[str, StoredSource] = field(default_factory=dict)
    """The live version of each file, by source id."""
    paths: set[Path] = field(default_factory=set)
    """The files that any version is of."""
    differences: list[Difference] = field(default_factory=list)
    rows: int = 0
    """With those that have the id of another one."""
    foreign: int = 0
    """Rows that alir did not write."""
    foreign_ids: list[str] = field(default_factory=list)
    """The first of them."""


@dataclass(slots=True)
class _Version:
    source: StoredSource
    rows: int = 0
    wrong_texts: int = 0
    wrong_positions: int = 0
    positions: bytearray = field(default_factory=bytearray)

    def add(self, source: StoredSource, position: int, *, is_text_right: bool) -> None:
        self.rows += 1
        self.wrong_texts += not is_text_right
        if source.chunks:
            self.source = source
        at, bit = divmod(position, 8)
        if not 0 <= position < MAX_POSITION:
            self.wrong_positions += 1
            return
        self.positions.extend(bytes(max(0, at + 1 - len(self.positions))))
        self.wrong_positions += bool(self.positions[at] & 1 << bit)
        self.positions[at] |= 1 << bit

    @property
    def end(self) -> int:
        """The position after the last."""
        last = self.positions[-1] if self.positions else 0
        return 8 * (len(self.positions) - 1) + last.bit_length() if self.positions else 0


async def read_rows(
    below: Sequence[Path] | None,
    *,
    catalog: Catalog,
    ledger: Ledger,
    progress: Callable[[int], None] = lambda _: None,
) -> IndexRows:
    """Read every row below the paths, once; None reads the whole index."""
    found = IndexRows()
    versions: dict[FileVersion, _Version] = {}
    counts: Counter[FileVersion] = Counter()
    async for row in catalog.stored_chunks(below=below):
        found.rows += 1
        if found.rows % ROWS_PER_REPORT == 0:
            progress(found.rows)
        source = row.source
        if source is None:
            found.foreign += 1
            if len(found.foreign_ids) < FOREIGN_NAMED:
                found.foreign_ids.append(row.chunk_id)
            continue
        key = FileVersion(source.source_id, source.version, source.generation)
        counts[key] += 1
        if source_id(source.path) != source.source_id:
            sentence = f"the row {row.chunk_id} names it, and has the source id of another file"
            found.differences.append(
                _difference(source, "wrong source", sentence, chunk_id=row.chunk_id)
            )
            continue
        version = versions.setdefault(key, _Version(source))
        version.add(source, row.position, is_text_right=digest(row.text) == row.text_hash)
    # The rows with one id are one row to a query, and all of them to a count.
    is_more = await catalog.count_chunks(below=below) != found.rows
    surplus = await catalog.surplus_rows(counts) if is_more else {}
    found.rows += sum(surplus.values())
    progress(found.rows)
    stored = [
        StoredVersion(one.source, one.rows, surplus.get(key, 0)) for key, one in versions.items()
    ]
    found.live = {id_: one.source for id_, one in newest_complete(stored).items()}
    found.paths = {one.source.path for one in stored}
    found.differences += await _of_versions(stored, versions, catalog=catalog, ledger=ledger)
    return found


async def _of_versions(
    stored: Sequence[StoredVersion],
    versions: dict[FileVersion, _Version],
    *,
    catalog: Catalog,
    ledger: Ledger,
) -> list[Difference]:
    live = newest_complete(stored)
    leftover, _ = await sort_versions(stored, catalog=catalog, ledger=ledger)
    to_delete = {*leftover}
    differences: list[Difference] = []
    for one, version in zip(stored, versions.values(), strict=True):
        source = one.source
        if live.get(source.source_id) is one:
            differences += _of_live(one, version)
        elif source.chunks:
            sentence = "an older complete version of it is beside the live one"
            differences.append(_difference(source, "old version", sentence))
        else:
            head = f"{one.chunks + one.surplus} rows of a version without a head are there"
            kind: DifferenceKind = "no head" if source in to_delete else "being written"
            writer = "" if source in to_delete else "; another program may be writing it"
            differences.append(_difference(source, kind, head + writer))
    return differences


def _of_live(one: StoredVersion, version: _Version) -> list[Difference]:
    source, found = one.source, []
    if one.surplus:
        rows = "row has the id of another" if one.surplus == 1 else "rows have the ids of others"
        found.append(_difference(source, "rows doubled", f"{one.surplus} {rows}"))
    if one.chunks < source.chunks:
        held = f"the index holds {one.chunks} of its {source.chunks} chunks"
        found.append(_difference(source, "chunks missing", held))
    elif version.wrong_positions or version.end != source.chunks:
        should = f"the positions of its {one.chunks} rows are not 0 to {source.chunks - 1}"
        found.append(_difference(source, "wrong positions", should))
    if version.wrong_texts:
        wrong = f"the text of {version.wrong_texts} of its rows does not have its hash"
        found.append(_difference(source, "wrong text", wrong))
    return found


def _difference(
    source: StoredSource, kind: DifferenceKind, sentence: str, *, chunk_id: str = ""
) -> Difference:
    return Difference(
        source.path,
        kind,
        sentence,
        source_id=source.source_id,
        version=source,
        generation=source.generation,
        chunk_id=chunk_id,
    )
