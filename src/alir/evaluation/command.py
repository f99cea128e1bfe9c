"""The command `alir eval`: a thin shell."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from alir.bench.commands import Html, Json
from alir.exits import reported


def evaluate(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            metavar="PATH",
            help="A folder in the format of BEIR or SMART, or your documents with --questions.",
        ),
    ],
    *,
    questions: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="A CSV of question,file,passage: which passages of which of the files answer it.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which of BEIR's judgements; test otherwise.")
    ] = None,
    chunk_tokens: Annotated[
        str | None,
        typer.Option(metavar="N,N...", help="Largest chunks to compare; the setting's otherwise."),
    ] = None,
    depth: Annotated[
        int, typer.Option(min=5, max=100, help="Passages to find for each question.")
    ] = 100,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Measure how well passages are found: by meaning, by words, and by each fusion of both.

    The documents are ingested into an index of the evaluation's own, with the present settings,
    once for each of --chunk-tokens; every question is searched for as alir ask would. Figures are
    hit@k, MRR, nDCG@10 and recall, with 95% intervals.

    Example: alir eval cranfield --chunk-tokens 64,128
    """
    with reported():
        from alir.bench.printing import print_found  # noqa: PLC0415
        from alir.evaluation.view import eval_charts, eval_tables  # noqa: PLC0415

        found = asyncio.run(_measured(path, questions, split, _sizes(chunk_tokens), depth))
        print_found(
            found,
            title=f"alir eval {found['eval']}",
            tables=eval_tables(found),
            charts=eval_charts(found),
            as_json=as_json,
            html=html,
        )


async def _measured(
    path: Path, questions: Path | None, split: str | None, sizes: list[int | None], depth: int
) -> dict[str, Any]:
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from alir.bench.terminal import progress  # noqa: PLC0415
    from alir.evaluation.evaluate import EvalOptions  # noqa: PLC0415
    from alir.evaluation.evaluate import evaluate as measure  # noqa: PLC0415
    from alir.evaluation.load import load  # noqa: PLC0415

    with TemporaryDirectory() as folder, progress() as told:
        judged = load(path, folder=Path(folder), questions=questions, split=split)
        return await measure(judged, EvalOptions(chunk_tokens=sizes, depth=depth), told)


def _sizes(given: str | None) -> list[int | None]:
    if given is None:
        return [None]
    try:
        return [int(part) for part in given.split(",")]
    except ValueError as error:
        problem = f"{given!r} is not a list of numbers, such as 64,128"
        raise typer.BadParameter(problem, param_hint="--chunk-tokens") from error
