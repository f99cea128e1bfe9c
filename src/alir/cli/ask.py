"""The command `alir ask`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alir.app.printable import say, write
from alir.cli.exit_codes import run_with_alir
from alir.cli.ingest import ingest_paths
from alir.cli.options import Collection, Draw, Json, Within, path
from alir.errors import UnreadableFile

if TYPE_CHECKING:
    from alir.app.application import Alir
    from alir.events.ask import Answer, Ask
    from alir.visualize.recording import Recorder


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
                report = await ingest_paths(app, source)
                if len(report.failed) == report.files:
                    raise UnreadableFile(report.failed[0].path, report.failed[0].reason)
            filters = below(within) if within else None
            start = Ask(question=question, top_k=top_k, filters=filters)
            return await _answer(app, start, recorder, stream=not as_json)

    answer = run_with_alir(run, collection=collection)
    if as_json:
        say(json.dumps(answer.to_json()))
    else:
        from alir.cli.console import references  # noqa: PLC0415

        say(references(answer))


async def _answer(
    app: "Alir", start: "Ask", recorder: "Recorder | None", *, stream: bool
) -> "Answer":
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
