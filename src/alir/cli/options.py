"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


def path(given: str) -> Path:
    # Path("") is the working directory: a shell gives it for an unset "$DOCS".
    if not given:
        raise typer.BadParameter("a path is empty")
    return Path(given)


Collection = Annotated[
    str | None, typer.Option(help="The Milvus collection; default: ALIR_COLLECTION.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Paths = Annotated[
    list[Path], typer.Argument(parser=path, metavar="PATH...", help="Files and folders.")
]
DeleteMany = Annotated[
    bool,
    typer.Option("--delete-many", help="Delete even if more than half of the files are gone."),
]

Within = Annotated[
    list[Path] | None,
    typer.Option("--in", metavar="PATH", help="Answer only from this file or folder; repeatable."),
]

Draw = Annotated[
    Path | None,
    typer.Option(metavar="FILE.html", help="Draw to this file what ran, how often and how long."),
]

Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write a page with plots to this file.")
]
