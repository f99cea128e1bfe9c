"""The command `alir verify`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from alir.app.printable import say
from alir.cli.exit_codes import EXIT_DIFFERENCES, run_with_alir
from alir.cli.options import Collection, DeleteMany, Json, path

if TYPE_CHECKING:
    from alir.app.application import Alir
    from alir.events.verify import VerifyReport


def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(parser=path, metavar="[PATH...]", help="Files and folders to look below."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what differs, then compare once more.")
    ] = False,
    delete_many: DeleteMany = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Compare the folder, the ledger and each row of the index, and say every difference.

    Each file is read and hashed anew. Without paths it compares all that the index and the ledger
    know; with paths it also finds the files that they do not know. Nothing is written without
    --repair. It exits with 6 if differences are left.

    Example: alir verify --repair docs
    """
    if delete_many and not repair:
        raise typer.BadParameter("--delete-many is for --repair")

    async def run(app: "Alir") -> "VerifyReport":
        from alir.app.streaming import events  # noqa: PLC0415
        from alir.cli.console import IngestBar  # noqa: PLC0415
        from alir.events.verify import Verify  # noqa: PLC0415

        start = Verify(paths=[*(paths or [])], repair=repair, delete_many=delete_many)
        handler = app.verify.run(start_event=start)
        with IngestBar("Verifying", "chunks") as bar:
            async for event in events(handler):
                bar.show(event)
        return cast("VerifyReport", await handler)

    report = run_with_alir(run, collection=collection)
    say(json.dumps(report.to_json()) if as_json else summary(report))
    if report.remaining:
        raise typer.Exit(EXIT_DIFFERENCES)


def summary(report: "VerifyReport") -> str:
    """Return a line for each difference, and the sums."""
    from alir.cli.console import display_path, plural  # noqa: PLC0415

    shown = [("mended", one) for one in report.mended]
    shown += [("left" if report.repair else "differs", one) for one in report.remaining]
    lines = [f"{word}  {display_path(one.path)}: {one.sentence}" for word, one in shown]
    if report.foreign:
        more = ", ..." if report.foreign > len(report.foreign_ids) else ""
        lines.append(
            f"{plural(report.foreign, 'row')} were not written by alir, and stay: "
            f"{', '.join(report.foreign_ids)}{more}"
        )
    if report.run_in_progress:
        lines.append(
            f"A run is in progress: {report.run_in_progress}. What it has begun may be told here."
        )
    if report.repair:
        told = f"{plural(len(report.mended), 'difference')} mended, {len(report.remaining)} left"
    elif report.remaining:
        found = plural(len(report.remaining), "difference")
        told = f"{found}. Nothing was written; alir verify --repair mends"
    else:
        told = "folder, ledger and index agree"
    read = f"{plural(report.files, 'file')}, {plural(report.rows, 'row')}"
    lines.append(f"{read}: {told}. {report.seconds['total']:.1f} s.")
    return "\n".join(lines)
