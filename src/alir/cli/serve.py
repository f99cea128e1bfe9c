"""The command `alir serve`."""

import asyncio
import signal
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alir.app.printable import say
from alir.cli.exit_codes import reported
from alir.errors import InvalidSetting
from alir.storage import keys
from alir.storage.service_database import open_service_database
from alir.storage.service_lock import service_lock

if TYPE_CHECKING:
    import socket

    from alir.settings import Settings


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but loopback needs a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of the files; default: ALIR_ROOT."),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="The Milvus collection; default: ALIR_COLLECTION.")
    ] = None,
    first_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="If there never was a key, make one of scope admin and write it to this file.",
        ),
    ] = None,
) -> None:
    """Serve the index over HTTP until it is interrupted.

    Prints the address it serves; its log goes to stderr. docs/service.md has the API.

    Example: alir serve --port 8000 --root documents
    """
    with reported():
        from alir.server.connections.descriptors import raise_limit  # noqa: PLC0415
        from alir.server.connections.listener import open_port  # noqa: PLC0415
        from alir.settings import Settings  # noqa: PLC0415

        settings = Settings.load(collection=collection, root=root)
        with service_lock(_files(settings)):
            if first_key is not None:
                _make_first_key(first_key, settings)
            _require_key(host, settings)
            raise_limit()
            with open_port(host, port) as listener:
                asyncio.run(_serve(listener, host, settings))


async def _serve(listener: "socket.socket", host: str, settings: "Settings") -> None:
    from alir.app.application import Alir  # noqa: PLC0415
    from alir.server import uvicorn_server  # noqa: PLC0415
    from alir.server.app import HttpService, real_root  # noqa: PLC0415
    from alir.server.telemetry.logs import log_to_stderr  # noqa: PLC0415

    log_to_stderr(settings.secrets)
    alir = Alir(settings)
    _ = alir.ask, alir.ingest  # reports a wrong setting now
    try:
        root = real_root(settings.root)
    except OSError as error:
        raise InvalidSetting(
            "ALIR_ROOT", f"{settings.root} cannot be made: {error.strerror}", "Name another folder."
        ) from error
    service = HttpService(alir, root=root, only_loopback=_is_loopback(host))
    server = uvicorn_server.server(service.app, drain_s=settings.drain_s)
    # uvicorn raises the signal again once it has stopped; that is no failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started or running.done()):  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    if not running.done():
        name = f"[{host}]" if ":" in host else host
        say(f"alir serves http://{name}:{listener.getsockname()[1]}")
    await running
    if server.lifespan.should_exit:  # it did not start; the log says why
        raise typer.Exit(1)


def _make_first_key(file: Path, settings: "Settings") -> None:
    from alir.server.auth.first_key import make_first_key  # noqa: PLC0415

    if file.resolve().is_relative_to(settings.root.expanduser().resolve()):
        problem = "it would be among the documents, and might be cited"
        raise InvalidSetting(f"--first-key {file}", problem, "Name a file elsewhere.")
    with open_service_database(settings.service_path) as db:
        if make_first_key(db, file):
            say(f"The first key is in {file}. It has scope admin: copy it and delete the file.")


def _files(settings: "Settings") -> list[Path]:
    """Return the files that only one service may use."""
    return [
        settings.service_path,
        *([Path(settings.milvus_uri.get_secret_value())] if settings.is_lite else []),
    ]


def _require_key(host: str, settings: "Settings") -> None:
    with open_service_database(settings.service_path) as db:
        keys.check_not_lost(db)
        if not _is_loopback(host) and all(key.revoked for key in keys.list_all(db)):
            raise InvalidSetting(
                f"--host {host}",
                "there is no key, and anyone who can reach this address could use the service",
                "Make one with: alir keys add NAME --scope admin. Or serve 127.0.0.1.",
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
