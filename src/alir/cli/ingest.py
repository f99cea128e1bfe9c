"""The commands `alir ingest`, also called `sync`, and `alir retry`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from alir.app.printable import say
from alir.cli.exit_codes import EXIT_CODES, run_with_alir
from alir.cli.options import Collection, DeleteMany, Draw, Json, Paths
from alir.errors import InputError

if TYPE_CHECKING:
    from alir.app.application import Alir
    from alir.events.ingest import IngestReport
    from alir.events.plan import IngestPlan
    from alir.models.files import FilePlan
    from alir.visualize.recording import Recorder


def ingest(  # noqa: PLR0917  the options of a command
    paths: Paths,
    delete_many: DeleteMany = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only print what would be done to which file, and write nothing."
        ),
    ] = False,
    rehash: Annotated[
        bool,
        typer.Option("--rehash", help="Read every file, also those of the same size and times."),
    ] = False,
    collection: Collection = None,
    as_json: Json = False,
    draw: Draw = None,
) -> None:
    """Make the index mirror files and folders.

    Unchanged files cost one reading, changed ones are replaced, vanished ones are taken out. A
    file that cannot be read is reported, and the others go on.

    Example: alir ingest docs README.md
    """
    if dry_run:
        start = {"paths": [*paths], "delete_many": delete_many, "rehash": rehash}
        _print_plan(start, collection=collection, as_json=as_json)
        return

    async def run(app: "Alir") -> "IngestReport":
        from alir.visualize.run_page import drawing  # noqa: PLC0415

        with drawing(app.ingest, draw, about=", ".join(map(str, paths))) as recorder:
            return await ingest_paths(
                app, paths, delete_many=delete_many, rehash=rehash, recorder=recorder
            )

    _print_report(run_with_alir(run, collection=collection), as_json=as_json)


def retry(collection: Collection = None, as_json: Json = False) -> None:
    """Ingest the files again that failed; `alir status` lists them.

    Example: alir retry
    """

    async def run(app: "Alir") -> "IngestReport | None":
        from alir.steps.ingest.survey import still_there  # noqa: PLC0415

        failed = still_there([one.path for one in await app.ledger.failed_files()])
        # What has become a link since is no file of the folder any more.
        return await ingest_paths(app, failed, follow_links=False) if failed else None

    report = run_with_alir(run, collection=collection)
    if report is not None:
        _print_report(report, as_json=as_json)
    else:
        say("null" if as_json else "No file failed.")


async def ingest_paths(
    app: "Alir",
    paths: list[Path],
    *,
    recorder: "Recorder | None" = None,
    **options: bool,
) -> "IngestReport":
    """Ingest, with these options of `Ingest`, and show the progress on stderr."""
    from alir.cli.console import show_progress  # noqa: PLC0415
    from alir.events.ingest import Ingest  # noqa: PLC0415

    handler = app.ingest.run(start_event=Ingest(paths=list(paths), **options))
    return cast("IngestReport", await show_progress(handler, recorder=recorder))


def _print_report(report: "IngestReport", *, as_json: bool) -> None:
    """Print what a run did; if every file failed, the command fails."""
    if as_json:
        say(json.dumps(report.to_json()))
    else:
        from alir.cli.console import summary  # noqa: PLC0415

        say(summary(report))
    if report.failed and len(report.failed) == report.files:
        raise typer.Exit(EXIT_CODES[InputError])


def _print_plan(start: dict[str, Any], *, collection: str | None, as_json: bool) -> None:
    async def run(app: "Alir") -> "tuple[IngestPlan, list[FilePlan]]":
        from alir.app.streaming import events  # noqa: PLC0415
        from alir.cli.console import IngestBar  # noqa: PLC0415
        from alir.events.plan import FilesPlanned, Plan  # noqa: PLC0415

        files: list[FilePlan] = []
        handler = app.plan.run(start_event=Plan(**start))
        with IngestBar("Planning", "chunks to embed") as bar:
            async for event in events(handler):
                bar.show(event)
                if isinstance(event, FilesPlanned):
                    files += event.planned
        return cast("IngestPlan", await handler), files

    plan, files = run_with_alir(run, collection=collection)
    if as_json:
        say(json.dumps(plan.to_json(files)))
    else:
        from alir.cli.console import plan_summary  # noqa: PLC0415

        say(plan_summary(plan, files))
