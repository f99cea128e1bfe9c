"""The command `alir rebuild`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alir.app.printable import say
from alir.cli.exit_codes import run_with_alir
from alir.cli.options import Collection, Json, path

if TYPE_CHECKING:
    from alir.app.application import Alir
    from alir.events.rebuild import RebuildReport
    from alir.models.collection_version import CollectionVersion

Printed = tuple[str, dict[str, Any]]
"""What a command prints: a few lines for a person, or the same as JSON."""


def rebuild(  # noqa: PLR0917  the options of a command
    paths: Annotated[
        list[Path] | None,
        typer.Argument(parser=path, metavar="[PATH...]", help="Files and folders to index."),
    ] = None,
    switch_anyway: Annotated[
        bool, typer.Option("--switch-anyway", help="Do without files that the old index holds.")
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the old index.")] = False,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Delete the old index.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Make the index anew with the present settings: another model, other chunks.

    It is built beside the old one, which answers meanwhile, and takes its place once it is
    complete and verified. Without paths it holds the files that the old one holds. The old one is
    kept for a rollback until it is dropped. A rebuild that was interrupted goes on.

    Example: alir rebuild
    """
    if rollback + drop_old + bool(paths or switch_anyway) > 1:
        raise typer.BadParameter("--rollback and --drop-old stand alone")

    async def run(app: "Alir") -> Printed:
        if rollback:
            return await _roll_back(app)
        if drop_old:
            return await _drop_old_index(app)
        return await _rebuild_index(app, paths or [], switch_anyway=switch_anyway)

    lines, found = run_with_alir(run, collection=collection)
    say(json.dumps(found) if as_json else lines)


async def _rebuild_index(app: "Alir", paths: Sequence[Path], *, switch_anyway: bool) -> Printed:
    from alir.cli.console import show_progress  # noqa: PLC0415
    from alir.events.rebuild import Rebuild  # noqa: PLC0415

    start = Rebuild(paths=[*paths], switch_anyway=switch_anyway)
    report = await show_progress(app.rebuild.run(start_event=start), "Rebuilding")
    return _summary(report), report.to_json()


async def _roll_back(app: "Alir") -> Printed:
    """Go back to the old index, and name the settings it was made with."""
    from alir.models import fingerprint  # noqa: PLC0415

    async with app.ledger.lock("a rollback"):
        index = await app.collection_versions.roll_back()
    line = f"The index is {index.collection} again, and the one it was until now is kept. "
    return f"{line}{_needed_settings(index)}".strip(), {
        "collection": index.collection,
        "made_with": dict(index.made_with),
        "settings": fingerprint.settings(index.made_with),
    }


async def _drop_old_index(app: "Alir") -> Printed:
    """Delete every collection version but the live one."""
    async with app.ledger.lock("dropping what is kept"):
        dropped = await app.collection_versions.drop_kept()
    line = f"Dropped {', '.join(dropped)}." if dropped else "Nothing is kept besides the index."
    return line, {"dropped": dropped}


def _summary(report: "RebuildReport") -> str:
    from alir.cli.console import display_path, plural  # noqa: PLC0415

    lines = [
        f"The index is {report.collection} now: {plural(report.files, 'file')}, "
        f"{plural(report.chunks, 'chunk')}, verified. {report.seconds['total']:.1f} s. The old "
        f"one, {report.previous}, is kept: alir rebuild --rollback goes back to it, --drop-old "
        "deletes it."
    ]
    if report.gone:
        lines.append(f"{plural(len(report.gone), 'file')} of the old index are there no more.")
    lines += [f"left out  {display_path(path)}" for path in report.lacking]
    lines += [f"failed  {display_path(one.path)}: {one.reason}" for one in report.failed]
    return "\n".join(lines)


def _needed_settings(index: "CollectionVersion") -> str:
    from alir.models import fingerprint  # noqa: PLC0415

    told = fingerprint.told(index.made_with)
    settings = fingerprint.settings(index.made_with)
    return f"It was made with {told}. It needs {settings}." if told else ""
