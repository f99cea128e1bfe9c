"""The command `alir agent`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alir.app.printable import say, write
from alir.cli.exit_codes import reported
from alir.cli.options import Collection, Draw, Json, Within

if TYPE_CHECKING:
    from alir.events.agent import AgentAnswer, AskAgent, MeaningAsked


def agent(  # noqa: PLR0917  the options of a command
    question: Annotated[str, typer.Argument(help="In your own words; it may have several parts.")],
    top_k: Annotated[
        int | None, typer.Option(min=1, max=100, help="Passages to find for each part.")
    ] = None,
    within: Within = None,
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Go on with the conversation of this name, or begin it."),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Longest search, in seconds; then it answers.")
    ] = None,
    max_calls: Annotated[
        int | None,
        typer.Option(min=1, help="Most searches and language model calls, together."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens that the language model may use.")
    ] = None,
    ask_back: Annotated[
        bool,
        typer.Option(
            "--ask-back", help="Ask which meaning was meant if there are two; needs a model."
        ),
    ] = False,
    collection: Collection = None,
    as_json: Json = False,
    draw: Draw = None,
) -> None:
    """Answer a question of several parts, searching for each until enough is found.

    Prints to stderr what the agent decides: the parts, what was found, other words to search
    with. When a limit is reached it answers with what it has, and says so.

    Example: alir agent "Compare what the essay says about work and what the report says about pay"
    """
    with reported():
        from alir.cli.console import references  # noqa: PLC0415
        from alir.events.agent import AskAgent  # noqa: PLC0415
        from alir.models.answers import Budget  # noqa: PLC0415
        from alir.models.path_filters import below  # noqa: PLC0415

        budget = Budget(seconds=max_seconds, calls=max_calls, tokens=max_tokens)
        start = AskAgent(
            question=question,
            top_k=top_k,
            filters=below(within) if within else None,
            session=session,
            budget=budget,
            may_ask=ask_back,
        )
        answer = asyncio.run(_answer(start, collection, draw, stream=not as_json))
        say(json.dumps(answer.to_json()) if as_json else references(answer))


async def _answer(
    start: "AskAgent", collection: str | None, draw: Path | None, *, stream: bool
) -> "AgentAnswer":
    from alir.app.application import Alir  # noqa: PLC0415
    from alir.app.streaming import events  # noqa: PLC0415
    from alir.cli.console import decision  # noqa: PLC0415
    from alir.events.agent import AgentAnswer, MeaningAsked, MeaningChosen  # noqa: PLC0415
    from alir.events.ask import Token  # noqa: PLC0415
    from alir.settings import Settings  # noqa: PLC0415
    from alir.visualize.run_page import drawing  # noqa: PLC0415

    async with Alir(Settings.load(collection=collection)) as app:
        with drawing(app.agent, draw, about=start.question, describe=decision) as recorder:
            handler = app.agent.run(start_event=start)
            async for event in events(handler, recorder):
                if isinstance(event, MeaningAsked) and handler.ctx is not None:
                    meaning = await asyncio.to_thread(_choose_meaning, event)
                    handler.ctx.send_event(MeaningChosen(meaning=meaning))
                elif stream and isinstance(event, Token):
                    write(event.text)
                elif stream and (line := decision(event)):
                    say(line, err=True)
            answer = await handler
    if stream:
        write("\n")
    assert isinstance(answer, AgentAnswer)  # noqa: S101  the engine types results as Any
    return answer


def _choose_meaning(asked: "MeaningAsked") -> str:
    """Let a person choose a meaning by its number, or type another."""
    for number, meaning in enumerate(asked.meanings, start=1):
        say(f"{number}. {meaning}", err=True)
    try:
        typed = str(typer.prompt("Which one, or what else?", err=True)).strip()
    except typer.Abort:  # there is no terminal
        return asked.question
    numbers = {str(number): meaning for number, meaning in enumerate(asked.meanings, start=1)}
    return numbers.get(typed, typed)
