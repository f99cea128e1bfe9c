"""The command line: a thin shell. Results go to stdout, progress and errors to stderr."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from alir.app.light_nltk import leave_out_statistics
from alir.app.printable import say, write
from alir.cli.agent import agent
from alir.cli.draw import draw
from alir.cli.evaluate import evaluate
from alir.cli.exit_codes import EXIT_CODES, reported
from alir.cli.keys import keys
from alir.cli.mcp import mcp
from alir.cli.options import Collection, DeleteMany, Draw, Json, Paths, Within, path
from alir.cli.serve import serve
from alir.errors import InputError, UnreadableFile

# Everything else is imported where it is used: `alir --help` must feel instant.
if TYPE_CHECKING:
    from alir.app.application import Alir
    from alir.events.ask import Answer, Ask
    from alir.events.ingest import IngestReport
    from alir.events.plan import IngestPlan
    from alir.models.files import FilePlan
    from alir.visualize.recording import Recorder

T = TypeVar("T")

cli = typer.Typer(
    name="alir",
    help="Mirror folders into Milvus and answer questions from them, every citation checked.\n\n"
    "Settings are ALIR_* environment variables or lines of a .env file; see .env.example.\n\n"
    "Exit codes: 0 done, 2 wrong usage, 3 a setting must change, 4 the request must change, "
    "5 Milvus or the language model failed, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in entry_points(group="alir.commands"):
    cli.add_typer(command.load(), name=command.name)
cli.add_typer(keys, name="keys")
cli.command("eval")(evaluate)
cli.command()(agent)
cli.command()(draw)
cli.command()(serve)
cli.command()(mcp)


@cli.command(
    "sync",
    help="Make the index mirror files and folders: the same command as alir ingest.\n\n"
    "Example: alir sync --dry-run docs",
)
@cli.command()
def ingest(  # noqa: PLR0917  the options of a command
    paths: Paths,
    delete_many: DeleteMany = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only print what would be done to which file, and write nothing."
        ),
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
        _print_plan(paths, delete_many=delete_many, collection=collection, as_json=as_json)
        return

    async def run(app: "Alir") -> "IngestReport":
        from alir.visualize.run_page import drawing  # noqa: PLC0415

        with drawing(app.ingest, draw, about=", ".join(map(str, paths))) as recorder:
            return await _ingest(app, paths, delete_many=delete_many, recorder=recorder)

    _tell(_run(run, collection=collection), as_json=as_json)


@cli.command()
def watch(
    paths: Paths,
    delete_many: DeleteMany = False,
    collection: Collection = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, for machines.")
    ] = False,
) -> None:
    """Keep the index in step with files and folders until it is interrupted.

    Syncs them now, at each change, and when a failed file is to be tried again. Prints a line for
    each sync that changed something; an outage is waited for.

    Example: alir watch docs
    """

    async def run(app: "Alir") -> None:
        from alir.cli.console import IngestBar, news  # noqa: PLC0415
        from alir.events.ingest import IngestReport  # noqa: PLC0415

        bar = IngestBar()
        async with aclosing(app.watch(paths, delete_many=delete_many)) as events:
            async for event in events:
                if not isinstance(event, IngestReport):
                    bar.show(event)
                elif line := news(event, as_json=as_json):
                    say(line)

    _run(run, collection=collection)


@cli.command()
def ask(  # noqa: PLR0917  the options of a command
    question: Annotated[str, typer.Argument(help="In your own words.")],
    source: Annotated[
        list[Path] | None,
        typer.Option(
            parser=path, metavar="PATH", help="Ingest this file or folder first; repeatable."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=100, help="Passages to answer from.")
    ] = None,
    within: Within = None,
    collection: Collection = None,
    as_json: Json = False,
    draw: Draw = None,
) -> None:
    """Answer a question from the index, with checked citations.

    With ALIR_LLM_API_KEY or ALIR_LLM_BASE_URL a language model writes the answer; without, it
    consists of the documents' own sentences.

    Example: alir ask --source essay.txt "What did the author work on before college?"
    """

    async def run(app: "Alir") -> "Answer":
        from alir.events.ask import Ask  # noqa: PLC0415
        from alir.models.path_filters import below  # noqa: PLC0415
        from alir.visualize.run_page import drawing  # noqa: PLC0415

        with drawing(app.ask, draw, about=question) as recorder:
            if source:
                report = await _ingest(app, source)
                if len(report.failed) == report.files:
                    raise UnreadableFile(report.failed[0].path, report.failed[0].reason)
            filters = below(within) if within else None
            start = Ask(question=question, top_k=top_k, filters=filters)
            return await _ask(app, start, recorder, stream=not as_json)

    answer = _run(run, collection=collection)
    if as_json:
        say(json.dumps(answer.to_json()))
    else:
        from alir.cli.console import references  # noqa: PLC0415

        say(references(answer))


@cli.command()
def status(collection: Collection = None, as_json: Json = False) -> None:
    """Print what the index holds and what it was set up with.

    Example: alir status --json
    """

    async def run(app: "Alir") -> dict[str, Any]:
        return await app.status()

    found = _run(run, collection=collection)
    if as_json:
        say(json.dumps(found))
        return
    failed = found.pop("failed")
    width = max(map(len, found))
    for name, value in found.items():
        shown = str(value).lower() if isinstance(value, bool) else value
        shown = ", ".join(value) or "none" if isinstance(value, list) else shown
        shown = "none" if value is None else shown
        say(f"{name.replace('_', ' '):<{width}}  {shown}")
    for one in failed:
        say(f"failed, attempt {one['attempts']}  {one['file']}: {one['reason']}")


@cli.command()
def retry(collection: Collection = None, as_json: Json = False) -> None:
    """Ingest the files again that failed; `alir status` lists them.

    Example: alir retry
    """

    async def run(app: "Alir") -> "IngestReport | None":
        failed = [one.path for one in await app.ledger.failed_files() if one.path.exists()]
        return await _ingest(app, failed) if failed else None

    report = _run(run, collection=collection)
    if report is not None:
        _tell(report, as_json=as_json)
    else:
        say("null" if as_json else "No file failed.")


@cli.command()
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
    from alir.cli.rebuild import CommandResult, drop_old_index, rebuild_index, roll_back  # noqa: PLC0415

    if rollback + drop_old + bool(paths or switch_anyway) > 1:
        raise typer.BadParameter("--rollback and --drop-old stand alone")

    async def run(app: "Alir") -> CommandResult:
        if rollback:
            return await roll_back(app)
        if drop_old:
            return await drop_old_index(app)
        return await rebuild_index(app, paths or [], switch_anyway=switch_anyway)

    told = _run(run, collection=collection)
    say(json.dumps(told.machine) if as_json else told.person)


@cli.command()
def relearn(collection: Collection = None, as_json: Json = False) -> None:
    """Make the ledger again from the collection, where it was lost or is not to be believed.

    An ingestion does so by itself when the ledger knows nothing. The next one reads every file.

    Example: alir relearn
    """

    async def run(app: "Alir") -> dict[str, Any]:
        return {"ledger": str(app.ledger.path), "files": await app.relearn()}

    made = _run(run, collection=collection)
    said = f"The ledger {made['ledger']} knows the {made['files']} files that the index holds."
    say(json.dumps(made) if as_json else said)


def main() -> None:
    """Run the command line; the package's `alir` script."""
    leave_out_statistics()
    cli()


def _tell(report: "IngestReport", *, as_json: bool) -> None:
    """Print what a run did; a run of which every file failed is one that failed."""
    if as_json:
        say(json.dumps(report.to_json()))
    else:
        from alir.cli.console import summary  # noqa: PLC0415

        say(summary(report))
    if report.failed and len(report.failed) == report.files:
        raise typer.Exit(EXIT_CODES[InputError])


async def _ingest(
    app: "Alir",
    paths: list[Path],
    *,
    delete_many: bool = False,
    recorder: "Recorder | None" = None,
) -> "IngestReport":
    from alir.cli.console import shown  # noqa: PLC0415
    from alir.events.ingest import Ingest  # noqa: PLC0415

    handler = app.ingest.run(start_event=Ingest(paths=list(paths), delete_many=delete_many))
    return cast("IngestReport", await shown(handler, recorder=recorder))


def _print_plan(
    paths: list[Path], *, delete_many: bool, collection: str | None, as_json: bool
) -> None:
    async def run(app: "Alir") -> "tuple[IngestPlan, list[FilePlan]]":
        from alir.app.streaming import events  # noqa: PLC0415
        from alir.cli.console import IngestBar  # noqa: PLC0415
        from alir.events.plan import FilesPlanned, Plan  # noqa: PLC0415

        files: list[FilePlan] = []
        handler = app.plan.run(start_event=Plan(paths=[*paths], delete_many=delete_many))
        with IngestBar("Planning", "chunks to embed") as bar:
            async for event in events(handler):
                bar.show(event)
                if isinstance(event, FilesPlanned):
                    files += event.planned
        return cast("IngestPlan", await handler), files

    plan, files = _run(run, collection=collection)
    if as_json:
        say(json.dumps(plan.to_json(files)))
    else:
        from alir.cli.console import outlook  # noqa: PLC0415

        say(outlook(plan, files))


async def _ask(app: "Alir", start: "Ask", recorder: "Recorder | None", *, stream: bool) -> "Answer":
    from alir.app.streaming import events  # noqa: PLC0415
    from alir.events.ask import Answer, Token  # noqa: PLC0415

    handler = app.ask.run(start_event=start)
    async for event in events(handler, recorder):
        if stream and isinstance(event, Token):
            write(event.text)
    answer = await handler
    if stream:
        write("\n")
    assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
    return answer


def _run(command: Callable[["Alir"], Awaitable[T]], *, collection: str | None) -> T:
    """Put alir together, run `command` with it, and close it."""
    with reported():
        from alir.app.application import Alir  # noqa: PLC0415
        from alir.settings import Settings  # noqa: PLC0415

        async def run() -> T:
            async with Alir(Settings.load(collection=collection)) as app:
                return await command(app)

        return asyncio.run(run())
