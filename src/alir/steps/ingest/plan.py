"""Plan: what a run would do to the files, in the words of a person."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from alir.models.files import FileOutcome, FilePart, FilePlan, StoredSource
from alir.models.records import SourceRecord
from alir.ports import Catalog
from alir.steps.ingest.recover import IndexState
from alir.steps.ingest.walk import listed


async def find_gone(
    roots: Sequence[Path], held: IndexState, *, catalog: Catalog
) -> list[StoredSource]:
    """Return the files held that are gone from below `roots`, each in its live version."""
    if not held.gone:
        return []
    superseded = set(held.superseded)
    return [
        source
        async for source, is_there in listed(catalog.complete_versions(), roots)
        if is_there is False and (source.source_id, source.generation) not in superseded
    ]


def plan_unchanged(parts: Sequence[FilePart], known: Mapping[str, SourceRecord]) -> list[FilePlan]:
    """Plan the files that the index holds as they are."""
    return [
        FilePlan(part.path, "unchanged", _how_known(part, known.get(part.source_id)))
        for part in parts
    ]


def plan_failed(outcomes: Sequence[FileOutcome]) -> list[FilePlan]:
    """Plan, of `outcomes`, those of files that cannot be read."""
    return [FilePlan(one.path, "fail", one.reason) for one in outcomes if one.outcome == "failed"]


async def plan_changed(
    parts: Sequence[FilePart],
    to_embed: Mapping[str, int],
    *,
    catalog: Catalog,
    origins: Mapping[str, Path],
) -> list[FilePlan]:
    """Plan the files that the index does not hold as they are.

    Args:
        parts: each file's last part, its `chunks` those of the whole file.
        to_embed: source id to chunks.
        origins: content hash to path, of the files that are gone.
    """
    held = await catalog.live_versions([part.source_id for part in parts if part.generation])
    planned = []
    for part in parts:
        old = held.get(part.source_id)
        moved_from = origins.get(part.content_hash) if part.moved else None
        plan = FilePlan(
            part.path,
            "move" if part.moved else "change" if part.generation else "add",
            f"moved from {moved_from}" if moved_from else _difference(part, old),
            part.chunks,
            to_embed.get(part.source_id, 0),
            moved_from,
        )
        planned.append(plan)
    return planned


def _difference(part: FilePart, old: StoredSource | None) -> str:
    if old is None:
        return "the index does not hold it"
    return (
        "the chunking changed" if old.content_hash == part.content_hash else "its content changed"
    )


def _how_known(part: FilePart, record: SourceRecord | None) -> str:
    content = part.content
    if record is None or content is None or not record.content_hash:
        return "same content"
    then = (record.size_bytes, record.mtime_ns, record.ctime_ns)
    now = (content.size_bytes, content.mtime_ns, content.ctime_ns)
    return "same size and times" if then == now else "same content"
