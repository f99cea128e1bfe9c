"""Audit: compare the folder, the ledger and the index, and tell each difference.

Content is hashed anew. What disagrees is read a second time, and only what disagrees in both
readings is told: no single answer of Milvus or of a file system decides.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alir.errors import PathNotFound
from alir.models.differences import Difference, DifferenceKind
from alir.models.files import FileOutcome, FilePart, StoredSource, source_id
from alir.models.records import SourceRecord
from alir.models.root_lookup import RootLookup, is_below
from alir.ports import Catalog, Ledger
from alir.steps.ingest.compare import Comparison, Fingerprint, sort_parts
from alir.steps.ingest.read_rows import IndexRows, read_rows
from alir.steps.ingest.walk import PATHS_PER_CHECK, check_listed, groups, is_listed, walk

Progress = Callable[[int, int], None]
"""Called with the files compared and the rows read so far."""


@dataclass(frozen=True, slots=True)
class Audit:
    """How the folder, the ledger and the index differ."""

    differences: list[Difference]
    files: int
    """Files that were compared: of the folder, the ledger and the index."""
    index: IndexRows
    not_held: frozenset[str]
    """Content hashes of the files that the index does not hold."""
    empty: tuple[Path, ...]
    """Folders without a file, such as one where no disk is mounted."""


@dataclass(frozen=True, slots=True)
class _Located:
    path: Path


async def audit(
    roots: Sequence[Path] | None,
    *,
    fingerprint: Fingerprint,
    catalog: Catalog,
    ledger: Ledger,
    progress: Progress = lambda *_: None,
) -> Audit:
    """Compare what lies below `roots`, or all that index and ledger know; twice what disagrees.

    Raises:
        PathNotFound: one of `roots` does not exist, and nothing is known of it.
    """
    first = await _audit(
        roots, None, fingerprint=fingerprint, catalog=catalog, ledger=ledger, progress=progress
    )
    if not first.differences:
        return first
    only = frozenset(one.path for one in first.differences)
    second = await _audit(
        roots,
        only,
        fingerprint=fingerprint,
        catalog=catalog,
        ledger=ledger,
        progress=lambda *_: None,
    )
    before = {*first.differences}
    again = [one for one in second.differences if one in before]
    return replace(first, differences=sorted(again, key=lambda one: (one.path, one.kind)))


async def _audit(
    roots: Sequence[Path] | None,
    only: frozenset[Path] | None,
    *,
    fingerprint: Fingerprint,
    catalog: Catalog,
    ledger: Ledger,
    progress: Progress,
) -> Audit:
    """Compare once; only the files `only`, if it is given."""
    below = roots if only is None else sorted(only)
    index = await read_rows(
        below, catalog=catalog, ledger=ledger, progress=lambda rows: progress(0, rows)
    )
    records, failures = await _read_ledger(below, ledger=ledger)
    known = {*index.paths, *failures, *(one.path for one in records)}
    if only is None:
        await asyncio.to_thread(_check_roots, roots or (), known)
    gone = await asyncio.to_thread(_gone, known, roots)
    differences = list(index.differences)
    there = walk(roots) if roots is not None else walk(sorted(known - gone))
    wanted = there if only is None else (one for one in there if one.path in only)
    files = 0
    not_held: set[str] = set()
    found: set[Path] = set()
    grouped = groups(_noting(wanted, found))
    while (group := await asyncio.to_thread(next, grouped, None)) is not None:
        hashed = await fingerprint([one for one in group if isinstance(one, FilePart)], {})
        hashed.settled.extend(one for one in group if isinstance(one, FileOutcome))
        compared = _of_folder(hashed, index.live, failures)
        files += len(group)
        progress(files, index.rows)
        differences += [one for one, _ in compared]
        not_held |= {content for _, content in compared if content}
    differences += [_of_gone(one) for one in index.live.values() if one.path in gone]
    differences += _of_ledger(records, index.live, gone)
    recorded = {one.source_id for one in records if source_id(one.path) == one.source_id}
    # Of a file that fails the ledger keeps the failure alone.
    excused = gone | {one.path for one in differences if one.kind == "failed"}
    differences += [
        Difference(one.path, "ledger lacks it", "the ledger does not know it", id_, one)
        for id_, one in index.live.items()
        if id_ not in recorded and one.path not in excused
    ]
    differences += _of_failures(failures, {one.path for one in differences}, gone)
    empty = await asyncio.to_thread(_empty, gone, roots, found)
    return Audit(differences, files + len(gone - found), index, frozenset(not_held), empty)


async def _read_ledger(
    below: Sequence[Path] | None, *, ledger: Ledger
) -> tuple[list[SourceRecord], dict[Path, str]]:
    """Return the records of files and the reasons of failures, by path."""
    paths = None if below is None else RootLookup(below)
    records = [one async for one in ledger.all_sources() if is_below(one.path, paths)]
    failed = await ledger.failed_files()
    return records, {one.path: one.reason for one in failed if is_below(one.path, paths)}


def _of_folder(
    hashed: Comparison, live: dict[str, StoredSource], failures: dict[Path, str]
) -> list[tuple[Difference, str]]:
    """Compare files of the folder with the live versions; also return hashes not held."""
    found = [
        (Difference(one.path, "failed", one.reason, source_id(one.path)), "")
        for one in hashed.settled
    ]
    compared = sort_parts(hashed.changed, live)
    for part in compared.changed:
        kind: DifferenceKind = "other content" if part.is_held else "not held"
        sentence = part.reason
        if part.path in failures:
            kind = "failed"
            sentence = f"{part.reason}: it failed, as it {failures[part.path]}"
        version = live.get(part.source_id)
        difference = Difference(part.path, kind, sentence, part.source_id, version)
        found.append((difference, "" if part.is_held else part.content.hash))
    for part in compared.unchanged:
        version = live[part.source_id]
        if version.content_hash != part.content.hash:
            sentence = "the index has another hash of its content"
            found.append(
                (Difference(part.path, "wrong hash", sentence, part.source_id, version), "")
            )
    return found


def _of_gone(source: StoredSource) -> Difference:
    sentence = "the index holds it, and it is gone from the folder"
    return Difference(source.path, "gone", sentence, source.source_id, source)


def _of_ledger(
    records: Iterable[SourceRecord], live: dict[str, StoredSource], gone: Collection[Path]
) -> Iterator[Difference]:
    for record in records:
        held = live.get(record.source_id)
        kind: DifferenceKind = "ledger disagrees"
        sentence = ""
        if source_id(record.path) != record.source_id:
            kind = "ledger keeps it"
            sentence = "the ledger has it with the source id of another file"
        elif record.path in gone:
            kind = "ledger keeps it"
            sentence = "" if held else "the ledger knows it, and it is gone from the folder"
        elif record.stage != "settled":
            kind = "ledger unsettled"
            sentence = f"an ingestion of it was begun ({record.stage}) and is not finished"
        elif held is None:
            kind = "index denies it"
            sentence = "the ledger has it as settled, and the index holds no version of it"
        elif others := _disagreeing(record, held):
            sentence = f"the ledger has another {', '.join(others)} than the index"
        if sentence:
            yield Difference(record.path, kind, sentence, record.source_id, held)


def _disagreeing(record: SourceRecord, held: StoredSource) -> list[str]:
    pairs = {
        "version": (record.version, held.version),
        "generation": (record.generation, held.generation),
        "number of chunks": (record.chunks, held.chunks),
        "content hash": (record.content_hash, held.content_hash),
    }
    return [name for name, (one, other) in pairs.items() if one != other]


def _of_failures(
    failures: dict[Path, str], told: Collection[Path], gone: Collection[Path]
) -> Iterator[Difference]:
    for path, reason in failures.items():
        if path in gone:
            sentence = "the ledger knows that it failed, and it is gone from the folder"
            yield Difference(path, "ledger keeps it", sentence, source_id(path))
        elif path not in told:
            sentence = f"the ledger knows that it failed ({reason}), and the index holds it"
            yield Difference(path, "ledger disagrees", sentence, source_id(path))


def _gone(known: Collection[Path], roots: Sequence[Path] | None) -> set[Path]:
    """Return those of `known` that the folder does not have any more. Blocks."""
    if roots is None:
        return {path for path in known if is_listed(path, [path]) is False}
    located = [_Located(path) for path in sorted(known)]
    return {
        one.path
        for start in range(0, len(located), PATHS_PER_CHECK)
        for one, is_there in check_listed(located[start : start + PATHS_PER_CHECK], roots)
        if is_there is False
    }


def _check_roots(roots: Sequence[Path], known: Collection[Path]) -> None:
    for root in roots:
        is_there = os.path.exists(root)  # noqa: PTH110  `Path.exists` raises where it may not look
        if not is_there and not any(path.is_relative_to(root) for path in known):
            raise PathNotFound(root)


def _empty(
    gone: Collection[Path], roots: Sequence[Path] | None, found: Collection[Path]
) -> tuple[Path, ...]:
    """Return the folders that look as if their disk were not mounted. Blocks."""
    if roots is not None:
        held = {folder for path in found for folder in (path, *path.parents)}
        return tuple(root for root in roots if root not in held)
    return tuple(folder for folder in {path.parent for path in gone} if _is_empty(folder))


def _is_empty(folder: Path) -> bool:
    """Return whether the folder is gone, or shows nothing. Blocks."""
    try:
        return not any(folder.iterdir())
    except OSError:
        return True


def _noting(
    there: Iterable[FilePart | FileOutcome], found: set[Path]
) -> Iterator[FilePart | FileOutcome]:
    """Yield what is `there`, and note the paths in `found`."""
    for one in there:
        found.add(one.path)
        yield one
