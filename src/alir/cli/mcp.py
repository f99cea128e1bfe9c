"""The command `alir mcp`."""

import asyncio
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alir.cli.exit_codes import reported

if TYPE_CHECKING:
    from alir.settings import Settings


def mcp(
    collection: Annotated[
        str | None, typer.Option(help="The Milvus collection; default: ALIR_COLLECTION.")
    ] = None,
) -> None:
    """Serve the index to the program that started this, over stdin and stdout, by MCP.

    An MCP host starts this command. It gets the tools search, ask and list_sources, until it
    closes stdin. The log goes to stderr. docs/service.md shows how to configure a host.

    Example: alir mcp --collection manuals
    """
    with reported():
        from alir.settings import Settings  # noqa: PLC0415

        asyncio.run(_serve(Settings.load(collection=collection)))


async def _serve(settings: "Settings") -> None:
    from mcp.server.stdio import stdio_server  # noqa: PLC0415

    from alir.app.application import Alir  # noqa: PLC0415
    from alir.server.auth.caller import Caller, Tenant  # noqa: PLC0415
    from alir.server.mcp.protocol import McpTransport, mcp_server  # noqa: PLC0415
    from alir.server.telemetry.logs import log_to_stderr  # noqa: PLC0415

    log_to_stderr(settings.secrets)
    # The SDK's thread waits for stdin and cannot be woken. Nothing is written: it may end at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    async with Alir(settings) as alir:
        _ = alir.ask, alir.search  # reports a wrong setting now
        # A user who can start this can read the index: no key, no limits, errors in full.
        owner = Caller("", "read", Tenant("", Path()))
        server = mcp_server(
            alir,
            McpTransport(lambda _: owner, lambda _: nullcontext(), lambda error, _: str(error)),
        )
        async with stdio_server() as (received, sent):
            await server.run(received, sent, server.create_initialization_options())
