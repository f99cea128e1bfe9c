"""The command `alir draw`."""

from pathlib import Path
from typing import Annotated

import typer

from alir.app.printable import say


def draw(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("flows"),
) -> None:
    """Draw the workflows: one HTML page each, which needs no network.

    Example: alir draw --out flows
    """
    from alir.visualize.workflow_page import draw_flow  # noqa: PLC0415
    from alir.workflows.agent import Agent  # noqa: PLC0415
    from alir.workflows.ask import AskCorpus  # noqa: PLC0415
    from alir.workflows.ingest import IngestCorpus  # noqa: PLC0415
    from alir.workflows.ingest_shard import IngestShard  # noqa: PLC0415
    from alir.workflows.plan import PlanIngest  # noqa: PLC0415
    from alir.workflows.rebuild import RebuildCorpus  # noqa: PLC0415
    from alir.workflows.search import SearchCorpus  # noqa: PLC0415
    from alir.workflows.verify import VerifyCorpus  # noqa: PLC0415

    ingesting = (IngestCorpus, IngestShard, PlanIngest, RebuildCorpus, VerifyCorpus)
    for workflow in (*ingesting, AskCorpus, SearchCorpus, Agent):
        page = out / f"{workflow.__name__}.html"
        about = (workflow.__doc__ or "").partition("\n")[0]
        try:
            draw_flow(workflow, page, title=workflow.__name__, about=about)
        except OSError as error:
            problem = f"{page} cannot be written: {error.strerror or error}"
            raise typer.BadParameter(problem, param_hint="--out") from error
        say(str(page))
