"""The service, put together: its endpoints, and what every request goes through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alir.app import Alir
from alir.errors import AlirError
from alir.server import problems
from alir.server.asking import Asking
from alir.server.caller import Caller, Tenant
from alir.server.endpoint import Endpoint, Handler
from alir.server.health import Health
from alir.server.openapi import openapi, route
from alir.server.sources import Files

OPENAPI_PATH = "/openapi.json"


def endpoints(app: Alir) -> list[Endpoint]:
    """Return what the service of `app` can be asked."""
    health = Health({"milvus": app.catalog.chunks, "ledger": app.ledger.counts})
    return [endpoint for part in (Asking(app), Files(app), health) for endpoint in part.endpoints()]


def service(app: Alir) -> Starlette:
    """Return the service of `app`, which is closed with it."""
    table = endpoints(app)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with app:
            yield

    routes = [Route(one.path, _let_in(one), methods=[one.method]) for one in table]
    description = openapi(table, version=version("alir"))
    return Starlette(
        routes=[*routes, Route(OPENAPI_PATH, route(description))],
        lifespan=lifespan,
        exception_handlers={
            AlirError: problems.on_alir_error,
            problems.Refused: problems.on_refusal,
            HTTPException: problems.on_http_error,
            Exception: problems.on_defect,
        },
    )


def _let_in(endpoint: Endpoint) -> Handler:
    async def handler(request: Request) -> Response:
        request.state.caller = Caller("", "admin", Tenant("", Path.cwd()))
        return await endpoint.handler(request)

    return handler
