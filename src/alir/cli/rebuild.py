"""`alir rebuild`: what is done, and what of it is told a person or a machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alir.app.application import Alir
from alir.cli.console import count, display, shown
from alir.events.rebuild import Rebuild, RebuildReport
from alir.models import fingerprint
from alir.models.collection_version import CollectionVersion


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A result: a few lines, and the same as JSON."""

    person: str
    machine: dict[str, Any]


async def rebuild_index(app: Alir, paths: Sequence[Path], *, switch_anyway: bool) -> CommandResult:
    """Make the index anew."""
    start = Rebuild(paths=[*paths], switch_anyway=switch_anyway)
    report = await shown(app.rebuild.run(start_event=start), "Rebuilding")
    return CommandResult(_summary(report), report.to_json())


async def roll_back(app: Alir) -> CommandResult:
    """Go back to the old index, and say with which settings it was made."""
    async with app.ledger.lock("a rollback"):
        index = await app.collection_versions.roll_back()
    return CommandResult(
        f"The index is {index.collection} again, and the one it was until now is kept. "
        f"{_needed(index)}".strip(),
        {
            "collection": index.collection,
            "made_with": dict(index.made_with),
            "settings": fingerprint.environment_variables(index.made_with),
        },
    )


async def drop_old_index(app: Alir) -> CommandResult:
    """Delete everything but the index that the name means."""
    async with app.ledger.lock("dropping what is kept"):
        dropped = await app.collection_versions.drop_kept()
    person = f"Dropped {', '.join(dropped)}." if dropped else "Nothing is kept besides the index."
    return CommandResult(person, {"dropped": dropped})


def _summary(report: RebuildReport) -> str:
    lines = [
        f"The index is {report.collection} now: {count(report.files, 'file')}, "
        f"{count(report.chunks, 'chunk')}, verified. {report.seconds['total']:.1f} s. The old one, "
        f"{report.previous}, is kept: alir rebuild --rollback goes back to it, --drop-old deletes "
        "it."
    ]
    if report.gone:
        lines.append(f"{count(len(report.gone), 'file')} of the old index are there no more.")
    lines += [f"left out  {display(path)}" for path in report.lacking]
    lines += [f"failed  {display(one.path)}: {one.reason}" for one in report.failed]
    return "\n".join(lines)


def _needed(index: CollectionVersion) -> str:
    told = fingerprint.describe(index.made_with)
    settings = fingerprint.environment_variables(index.made_with)
    return f"It was made with {told}. It needs {settings}." if told else ""
