"""The command `alir eval`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alir.cli.exit_codes import reported
from alir.cli.options import Html, Json

if TYPE_CHECKING:
    from alir.evaluation.answers import AnswerOptions


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
            help="A CSV of question,file,passage: which passages of which files answer it.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which of BEIR's judgements; default: test.")
    ] = None,
    chunk_tokens: Annotated[
        str | None,
        typer.Option(metavar="N,N...", help="Chunk sizes to compare; default: ALIR_CHUNK_TOKENS."),
    ] = None,
    answers: Annotated[
        bool,
        typer.Option(
            "--answers",
            help="With --questions: also answer them, even those without an answer.",
        ),
    ] = False,
    claims: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="With --answers: a CSV of sentence,question,is_supported (yes or no).",
        ),
    ] = None,
    depth: Annotated[
        int, typer.Option(min=5, max=100, help="Passages to find for each question.")
    ] = 100,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Measure how well passages are found: by meaning, by words, and by each fusion of both.

    Ingests the documents into a temporary index with the present settings, once for each of
    --chunk-tokens, and searches for each question as alir ask would. Figures are hit@k, MRR,
    nDCG@10 and recall, with 95% intervals.

    Example: alir eval cranfield --chunk-tokens 64,128
    """
    if answers and questions is None:
        raise typer.BadParameter("needs --questions", param_hint="--answers")
    if claims is not None and not answers:
        raise typer.BadParameter("needs --answers", param_hint="--claims")
    with reported():
        from alir.evaluation.answer_tables import answer_tables  # noqa: PLC0415
        from alir.evaluation.report.output import print_report  # noqa: PLC0415
        from alir.evaluation.search_tables import eval_charts, eval_tables  # noqa: PLC0415

        sizes = _sizes(chunk_tokens)
        found = asyncio.run(
            _measure(
                path,
                questions,
                split=split,
                sizes=sizes,
                depth=depth,
                answers=answers,
                claims=claims,
            )
        )
        answered = [table for one in found["answers"] or () for table in answer_tables(one)]
        print_report(
            found,
            title=f"alir eval {found['eval']}",
            tables=[*eval_tables(found), *answered],
            charts=eval_charts(found),
            as_json=as_json,
            html=html,
        )


async def _measure(
    path: Path,
    questions: Path | None,
    *,
    split: str | None,
    sizes: list[int | None],
    depth: int,
    answers: bool,
    claims: Path | None,
) -> dict[str, Any]:
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from alir.evaluation.evaluate import EvalOptions  # noqa: PLC0415
    from alir.evaluation.evaluate import evaluate as measure  # noqa: PLC0415
    from alir.evaluation.load import load  # noqa: PLC0415
    from alir.evaluation.report.terminal import progress  # noqa: PLC0415

    with TemporaryDirectory() as folder, progress() as report:
        judged = load(path, folder=Path(folder), questions=questions, split=split)
        asked = _answers(path, questions, claims) if answers and questions else None
        options = EvalOptions(chunk_tokens=sizes, depth=depth, answers=asked)
        return await measure(judged, options, report)


def _answers(documents: Path, questions: Path, claims: Path | None) -> "AnswerOptions":
    from alir.evaluation.answers import AnswerOptions  # noqa: PLC0415
    from alir.evaluation.claims import load_claims  # noqa: PLC0415
    from alir.evaluation.outcomes import load  # noqa: PLC0415

    judged = load(questions, documents=documents)
    return AnswerOptions(judged, load_claims(claims, judged) if claims else ())


def _sizes(given: str | None) -> list[int | None]:
    if given is None:
        return [None]
    try:
        return [int(part) for part in given.split(",")]
    except ValueError as error:
        problem = f"{given!r} is not a list of numbers, such as 64,128"
        raise typer.BadParameter(problem, param_hint="--chunk-tokens") from error
