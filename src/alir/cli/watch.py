"""The command `alir watch`."""

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from alir.app.printable import say
from alir.cli.exit_codes import run_with_alir
from alir.cli.options import Collection, DeleteMany, Paths

if TYPE_CHECKING:
    from alir.app.application import Alir


def watch(
    paths: Paths,
    delete_many: DeleteMany = False,
    collection: Collection = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, for machines.")
    ] = False,
) -> None:
    """Keep the index in step with files and folders until it is interrupted.

    Syncs them now, at each change, and when a failed file is due again. Prints a line for each
    sync that changed something. Waits while Milvus is away.

    Example: alir watch docs
    """

    async def run(app: "Alir") -> None:
        from alir.cli.console import IngestBar, changes  # noqa: PLC0415
        from alir.events.ingest import IngestReport  # noqa: PLC0415

        bar = IngestBar()
        async with aclosing(app.watch(paths, delete_many=delete_many)) as events:
            async for event in events:
                if not isinstance(event, IngestReport):
                    bar.show(event)
                elif line := changes(event, as_json=as_json):
                    say(line)

    run_with_alir(run, collection=collection)
