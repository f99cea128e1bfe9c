"""The options that several commands of `alir bench` share."""

from pathlib import Path
from typing import Annotated, Any

import typer


def _numbers(given: str) -> list[int]:
    try:
        numbers = [int(part) for part in given.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0:
        raise typer.BadParameter(f"{given!r} is not a list of numbers, such as 10,100")
    return numbers


def without_zeros(given: list[list[int]]) -> list[int]:
    """Return the numbers of a repeated option; 0 asks for nothing."""
    return [number for numbers in given for number in numbers if number]


def at_least_one(given: list[list[int]]) -> list[int]:
    """Return the same for `--counts`, without which there is no bench.

    Raises:
        BadParameter: none is more than 0.
    """
    numbers = without_zeros(given)
    if not numbers:
        raise typer.BadParameter("there is nothing to measure", param_hint="--counts")
    return numbers


Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")]
Counts = Annotated[
    list[Any], typer.Option(parser=_numbers, metavar="N,N...", help="How many; repeatable.")
]
Uri = Annotated[str | None, typer.Option(help="A Milvus server; default: a new Milvus Lite file.")]
FakeEmbedding = Annotated[
    bool, typer.Option("--fake-embedding", help="Hash words: what all but the model costs.")
]
Chunks = Annotated[
    int | None, typer.Option(min=1, help="Cut or repeat the text to so many chunks.")
]
Repeats = Annotated[int, typer.Option(min=1, help="Interleaved repeats of every measurement.")]
