"""The options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer


def path(given: str) -> Path:
    # Path("") is the working directory, which nobody meant who wrote "$DOCS" and never set it.
    if not given:
        raise typer.BadParameter("a path is empty")
    return Path(given)


Collection = Annotated[
    str | None, typer.Option(help="The Milvus collection; ALIR_COLLECTION otherwise.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Paths = Annotated[
    list[Path], typer.Argument(parser=path, metavar="PATH...", help="Files and folders.")
]
DeleteMany = Annotated[
    bool,
    typer.Option("--delete-many", help="Delete even if more than half of the files held are gone."),
]

Within = Annotated[
    list[Path] | None,
    typer.Option("--in", metavar="PATH", help="Answer from this file or folder alone; repeatable."),
]

Draw = Annotated[
    Path | None,
    typer.Option(metavar="FILE.html", help="Draw what ran, how often, how long, to this file."),
]

Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write a page with plots to this file.")
]
