"""The commands of `alir bench`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from alir.cli.exit_codes import reported
from alir.cli.options import Html, Json
from benchmarks.options import (
    Chunks,
    Counts,
    FakeEmbedding,
    Paths,
    Repeats,
    Uri,
    at_least_one,
    without_zeros,
)

# Everything else is imported where it is used: `alir --help` must feel instant.
if TYPE_CHECKING:
    from alir.evaluation.report.progress import Progress

bench = typer.Typer(
    help="Measure what alir costs, beside LlamaIndex's own classes and beside the limit.\n\n"
    "Comparisons are interleaved and repeated; medians are printed, with spread and machine.\n\n"
    "Example: alir bench store --counts 1000",
    no_args_is_help=True,
    rich_markup_mode=None,
)

EXIT_WRONG_RESULT = 1
Level = Literal["Strong", "Session", "Bounded", "Eventually"]


@bench.command()
def store(
    *,
    counts: Counts = ["10,100,1000,10000"],  # noqa: B006  typer wants a list
    uri: Uri = None,
    dim: Annotated[int, typer.Option(min=2, help="Dimension of the vectors.")] = 768,
    repeats: Repeats = 3,
    consistency: Annotated[Level, typer.Option(help="Consistency of the searches.")] = "Session",
    everything: Annotated[
        bool, typer.Option("--all", help="Also one by one where it takes minutes.")
    ] = False,
    upsert: Annotated[
        bool, typer.Option("--upsert", help="Also alir replacing nodes of the same id.")
    ] = False,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Add and search nodes one at a time: LlamaIndex's store, alir's, and the limit.

    On a server, ALIR_MILVUS_TOKEN is used; the bench's collections are dropped at the end.

    Example: alir bench store --counts 1000 --json
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from alir.settings import Settings  # noqa: PLC0415
        from benchmarks.store.bench import SYNC_UP_TO, StoreOptions, measure_store  # noqa: PLC0415

        each = at_least_one(counts)
        options = StoreOptions(
            counts=each,
            uri=uri,
            token=Settings.load().milvus_token.get_secret_value() if uri else "",
            dim=dim,
            repeats=repeats,
            consistency_level=consistency,
            sync_up_to=max(each) if everything else SYNC_UP_TO,
            upsert=upsert,
        )
        return await measure_store(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def ingest(
    paths: Paths,
    *,
    repeats: Repeats = 3,
    fake_embedding: FakeEmbedding = False,
    chunks: Chunks = None,
    cut_chars: Annotated[
        int | None, typer.Option(min=1, help="Cut every so many characters, not at sentences.")
    ] = None,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Ingest files: alir, LlamaIndex's two ways, and the embedding model alone.

    Example: alir bench ingest docs --chunks 200
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.ingest.bench import IngestOptions, measure_ingest  # noqa: PLC0415

        options = IngestOptions(
            paths=paths,
            repeats=repeats,
            fake=fake_embedding,
            chunks=chunks,
            cut_chars=cut_chars,
        )
        return await measure_ingest(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def embed(
    paths: Paths,
    *,
    backends: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME...",
            help="The others are compared with the first; all of them where left out.",
        ),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="One question a line, or Cranfield's format; recall is measured with them.",
        ),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Texts that the speed is of.")] = 100,
    repeats: Repeats = 3,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Compute vectors with each backend: speed, memory, time to load, and recall.

    Example: alir bench embed docs --backends encode,torch --repeats 1
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.embed.bench import EmbedOptions, measure_embed  # noqa: PLC0415

        options = EmbedOptions(
            paths=paths,
            backends=_backends(backends),
            questions=_questions(questions) or (),
            sample=sample,
            repeats=repeats,
        )
        return await measure_embed(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def ask(
    paths: Paths,
    *,
    counts: Counts = ["1,10,100,1000"],  # noqa: B006
    questions: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="One question a line, or Cranfield's format; sentences of the files otherwise.",
        ),
    ] = None,
    uri: Uri = None,
    repeats: Repeats = 3,
    fake_embedding: FakeEmbedding = False,
    chunks: Chunks = None,
    while_ingesting: Annotated[bool, typer.Option(help="Also ask while an ingestion runs.")] = True,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Ask many questions at once: LlamaIndex, its code with alir's parts, and alir.

    Example: alir bench ask docs --counts 1,100 --repeats 1
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.ask.bench import AskOptions, measure_ask  # noqa: PLC0415

        options = AskOptions(
            paths=paths,
            counts=at_least_one(counts),
            questions=_questions(questions),
            uri=uri,
            repeats=repeats,
            fake=fake_embedding,
            chunks=chunks,
            while_ingesting=while_ingesting,
        )
        return await measure_ask(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def load(
    paths: Paths,
    *,
    seconds: Annotated[float, typer.Option(min=1, help="How long each side is loaded.")] = 300,
    askers: Annotated[int, typer.Option(min=1, help="How many may ask at once.")] = 200,
    times: Annotated[float, typer.Option(min=0.1, help="The load, by what it can bear.")] = 10,
    fake_embedding: FakeEmbedding = False,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Overload the service while it ingests, and LlamaIndex behind the same port.

    Example: alir bench load docs --seconds 30
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.load.bench import LoadOptions, measure_load  # noqa: PLC0415

        options = LoadOptions(paths, seconds, askers, times, fake=fake_embedding)
        return await measure_load(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def growth(
    *,
    chunks: Counts = ["1000,10000,100000"],  # noqa: B006
    files: Counts = ["100,1000,10000"],  # noqa: B006
    giant_mib: Counts = ["100"],  # noqa: B006
    depths: Counts = ["9,900"],  # noqa: B006
    repeats: Repeats = 3,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Ingest more and more: what a chunk, a tiny file, a giant one and a deep one cost.

    0 leaves a kind out.

    Example: alir bench growth --chunks 1000,10000 --files 100 --giant-mib 0 --depths 0
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.growth.bench import GrowthOptions, measure_growth  # noqa: PLC0415

        options = GrowthOptions(
            chunks=without_zeros(chunks),
            files=without_zeros(files),
            giant_mib=without_zeros(giant_mib),
            depths=without_zeros(depths),
            repeats=repeats,
        )
        if not options.sizes:
            raise typer.BadParameter("there is nothing to measure", param_hint="--chunks")
        return await measure_growth(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def sync(
    paths: Paths,
    *,
    files: Annotated[
        int, typer.Option(min=2, help="How many files their text is cut into.")
    ] = 1000,
    repeats: Repeats = 3,
    fake_embedding: FakeEmbedding = False,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Bring a folder into an index, again unchanged, and again with one file changed.

    Example: alir bench sync docs --files 1000
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.sync.bench import SyncOptions, measure_sync  # noqa: PLC0415

        options = SyncOptions(paths=paths, files=files, repeats=repeats, fake=fake_embedding)
        return await measure_sync(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def faults(*, as_json: Json = False, html: Html = None) -> None:
    """Let an update fail, with alir and with LlamaIndex's pipeline: what is lost or doubled.

    Example: alir bench faults --json
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.faults.bench import measure_faults  # noqa: PLC0415

        return await measure_faults(progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def poison(*, as_json: Json = False, html: Html = None) -> None:
    """Ask beside poisoned documents, of a model that obeys what it reads: what gets through.

    Example: alir bench poison --json
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.poison.bench import measure_poison  # noqa: PLC0415

        return await measure_poison(progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def stalls(
    *,
    characters: Annotated[int, typer.Option(min=100, help="Of each reply.")] = 20_000,
    token_characters: Annotated[int, typer.Option(min=1, help="Of each token.")] = 4,
    replies: Annotated[int, typer.Option(min=1, help="How many; at most all there are.")] = 1_000,
    repeats: Repeats = 1,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Ask a language model whose replies are hard to read: how long does the event loop stand?

    Example: alir bench stalls
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.stalls.bench import StallOptions, measure_stalls  # noqa: PLC0415

        options = StallOptions(characters, token_characters, replies, repeats)
        return await measure_stalls(options, progress)

    _run(run, as_json=as_json, html=html)


@bench.command()
def crossings(
    *,
    against: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Another checkout of alir, measured as well."),
    ] = None,
    repeats: Repeats = 3,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Count the calls from one of alir's source files to another, for one file and one question.

    Example: alir bench crossings --against ../alir-before
    """

    async def run(progress: "Progress") -> dict[str, Any]:
        from benchmarks.crossings.bench import CrossingsOptions, measure_crossings  # noqa: PLC0415

        if against is not None and not (against / "src" / "alir").is_dir():
            problem = f"{against} is no checkout of alir: it has no src/alir"
            raise typer.BadParameter(problem, param_hint="--against")
        return await measure_crossings(CrossingsOptions(against, repeats), progress)

    _run(run, as_json=as_json, html=html)


def _backends(given: str | None) -> Sequence[str]:
    from benchmarks.embed.side import BACKENDS  # noqa: PLC0415

    names = BACKENDS if given is None else given.split(",")
    for name in names:
        if name not in BACKENDS:
            problem = f"{name!r} is not one of {', '.join(BACKENDS)}"
            raise typer.BadParameter(problem, param_hint="--backends")
    return names


def _questions(file: Path | None) -> list[str] | None:
    from benchmarks.questions import from_file  # noqa: PLC0415

    if file is None:
        return None
    found = from_file(file)
    if not found:
        raise typer.BadParameter(f"{file} holds no question", param_hint="--questions")
    return found


def _run(
    measure: Callable[["Progress"], Awaitable[dict[str, Any]]], *, as_json: bool, html: Path | None
) -> None:
    """Measure, and print the result as JSON or as tables."""

    async def run() -> dict[str, Any]:
        with progress() as report:
            return await measure(report)

    with reported():
        from alir.evaluation.report.output import print_report  # noqa: PLC0415
        from alir.evaluation.report.terminal import progress  # noqa: PLC0415
        from benchmarks.measure import WrongResult  # noqa: PLC0415
        from benchmarks.views import charts, tables  # noqa: PLC0415

        try:
            found = asyncio.run(run())
        except WrongResult as wrong:
            typer.echo(f"alir: the bench failed, {wrong}.", err=True)
            raise typer.Exit(EXIT_WRONG_RESULT) from wrong
        print_report(
            found,
            title=f"alir bench {found['bench']}",
            tables=tables(found),
            charts=charts(found),
            as_json=as_json,
            html=html,
        )
