"""The service, put together: its endpoints, and what every request goes through."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.app.application import Alir
from alir.concurrency.loop_lag import LoopLag
from alir.errors import AlirError
from alir.models.key_scope import allows
from alir.server import problems
from alir.server.auth.caller import caller
from alir.server.bodies import BodyLimitMiddleware
from alir.server.ingestion_queue import IngestionQueue
from alir.server.kept_answers import AnswerStore
from alir.server.limits.question_limiter import QuestionLimiter
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.mcp.cancellation import LABEL as MCP_LABEL
from alir.server.mcp.transport import HEADERS as MCP_HEADERS
from alir.server.mcp.transport import McpHttpTransport
from alir.server.middleware.auth import AuthMiddleware
from alir.server.middleware.headers import LOOPBACK, SameOriginMiddleware, SecurityHeadersMiddleware
from alir.server.middleware.request_concurrency import RequestConcurrencyMiddleware
from alir.server.openai.chat import ChatRoutes
from alir.server.openai.models import ModelRoutes
from alir.server.problems import ErrorMiddleware, refusal
from alir.server.routes import api_docs, page
from alir.server.routes.endpoint import Endpoint
from alir.server.routes.feedback import FeedbackRoutes
from alir.server.routes.health import HealthRoutes
from alir.server.routes.meanings import MeaningRoutes
from alir.server.routes.openapi import openapi, route
from alir.server.routes.questions import QuestionRoutes
from alir.server.routes.sessions import SessionRoutes
from alir.server.routes.sources import SourceRoutes
from alir.server.routes.uploads import PATH as UPLOADS_PATH
from alir.server.routes.uploads import UploadLimits, UploadRoutes, clear_drafts
from alir.server.telemetry.logs import REQUEST_ID, RequestLogMiddleware
from alir.server.telemetry.metrics import PATH as METRICS_PATH
from alir.server.telemetry.metrics import Metrics
from alir.server.telemetry.request_metrics import MetricsMiddleware
from alir.server.telemetry.tracing import Tracing
from alir.server.workflow_runs.routes import RunRoutes
from alir.server.workflow_runs.server import WorkflowRunServer
from alir.storage.service_database import ServiceDatabase

OPENAPI_PATH = "/openapi.json"


class Service:
    """What serves one `Alir` over HTTP: its `app`, an ASGI application, closes it at its end.

    Args:
        root: the folder below which files are; a real path.
        only_loopback: whether it can be reached from this machine alone.
    """

    def __init__(self, alir: Alir, *, root: Path, only_loopback: bool) -> None:
        settings = alir.settings
        self._alir = alir
        self._database = ServiceDatabase(settings.service_path)
        places = QuestionLimiter(
            settings.questions_at_once,
            line=settings.questions_waiting,
            longest_wait_s=settings.question_wait_s,
        )
        self._lag = LoopLag()
        self._lag.listeners.append(places.follow)
        self.limits = RateLimiter(
            self._database,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_day=settings.tokens_per_day,
            places=places,
        )
        health = HealthRoutes({"milvus": alir.catalog.count_chunks, "ledger": alir.ledger.counts})
        self._root = root
        self.answers = AnswerStore(self._database, settings.collection, most=settings.answers_kept)
        meanings = MeaningRoutes(
            wait_s=settings.meaning_wait_s, most=max(1, settings.questions_at_once // 2)
        )
        self.ingesting = IngestionQueue(alir, self._database, root)
        self._tracing = Tracing(settings.otlp_endpoint)
        self.metrics = Metrics(alir, limits=self.limits, ingesting=self.ingesting, lag=self._lag)
        self._runs = WorkflowRunServer(alir, self.limits, root, meanings)
        uploads = UploadRoutes(self.ingesting, UploadLimits.of(settings))
        parts = (
            *(
                QuestionRoutes(alir, self.answers, meanings),
                meanings,
                ChatRoutes(alir, self.answers),
            ),
            *(ModelRoutes(alir), SessionRoutes(alir), FeedbackRoutes(self.answers)),
            *(SourceRoutes(alir, self.ingesting), self.ingesting, uploads, health, self.metrics),
            RunRoutes(self._runs),
        )
        self._mcp = McpHttpTransport(alir, self.limits)
        self.endpoints: Sequence[Endpoint] = [one for part in parts for one in part.endpoints()]
        routed = self._routed()
        self.routes = routed.routes
        self.app = self._guarded(routed, only_loopback=only_loopback)

    def _routed(self) -> Starlette:
        description = openapi(self.endpoints, version=version("alir"))
        by_path: dict[str, dict[str, Endpoint]] = {}
        for one in self.endpoints:
            by_path.setdefault(one.path, {})[one.method] = one
        # One for each path: of another method it then says which there are.
        routes = [
            Route(path, _LetIn(methods, self.limits), methods=[*methods])
            for path, methods in by_path.items()
        ]
        app = Starlette(
            routes=[
                *routes,
                self._mcp.route(),
                *page.routes(ask=self._alir.ask, agent=self._alir.agent),
                Route(OPENAPI_PATH, route(description)),
                Route(api_docs.API_PAGE_PATH, api_docs.route(description)),
            ],
            lifespan=self._lifespan,
            exception_handlers={
                AlirError: problems.on_alir_error,
                problems.ProblemException: problems.on_refusal,
                HTTPException: problems.on_http_error,
                Exception: problems.on_defect,
            },
        )
        # A path with a slash too many is an unknown one: a redirect would lose the body.
        app.router.redirect_slashes = False
        return app

    def _guarded(self, app: ASGIApp, *, only_loopback: bool) -> ASGIApp:
        """Return `app` behind what every request goes through, the outermost first."""
        settings = self._alir.settings
        known = LOOPBACK | {*settings.allowed_hosts}
        open_paths = [one.path for one in self.endpoints if one.scope == "open"]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", REQUEST_ID, *MCP_HEADERS],
            expose_headers=[REQUEST_ID, MCP_LABEL, "Retry-After"],
        )
        layers = [
            *self._tracing.layers(untraced={*open_paths, METRICS_PATH}),
            Middleware(RequestLogMiddleware),
            Middleware(MetricsMiddleware, requests=self.metrics.requests),
            Middleware(SecurityHeadersMiddleware),
            *([cors] if settings.cors_origins else []),
            Middleware(ErrorMiddleware),
            Middleware(
                SameOriginMiddleware,
                hosts=known if only_loopback or settings.allowed_hosts else frozenset[str](),
                origins=settings.cors_origins,
            ),
            Middleware(RequestConcurrencyMiddleware, open_paths=open_paths),
            Middleware(
                AuthMiddleware,
                database=self._database,
                limits=self.limits,
                root=self._root,
                open_paths=open_paths,
                may_be_open=only_loopback,
            ),
            Middleware(
                BodyLimitMiddleware, larger={UPLOADS_PATH: UploadLimits.of(settings).body_bytes}
            ),
        ]
        for layer in reversed(layers):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        alir = self._alir
        runs = [alir.ask, alir.agent, alir.ingest]
        async with (
            self._tracing.running(alone=runs),
            alir,
            self.metrics.fed(),
            self._lag.watch(),
        ):
            try:
                await asyncio.to_thread(clear_drafts, self._root)
                await self.answers.start()
                await self.ingesting.start()
                await self._runs.start()
                async with self._mcp.running():
                    yield
            finally:
                await self._runs.stop()
                await self.ingesting.stop()
                await self.answers.stop()
                await self._database.aclose()


class _LetIn:
    """Serves a path to who may use it. A question's place is its own until it is answered."""

    def __init__(self, methods: Mapping[str, Endpoint], limits: RateLimiter) -> None:
        self._methods = methods
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        endpoint = self._methods["GET" if request.method == "HEAD" else request.method]
        if endpoint.scope != "open" and not allows(caller(request).scope, endpoint.scope):
            detail = f"This needs a key of the scope {endpoint.scope}."
            raise refusal(403, "Scope Too Small", detail)
        if not endpoint.is_question:
            answer = await endpoint.handler(request)
            await answer(scope, receive, send)
            return
        async with self._limits.question(caller(request)):
            if (heard := await _while_heard(endpoint, scope, receive)) is not None:
                await heard(scope, receive, send)


async def _while_heard(endpoint: Endpoint, scope: Scope, receive: Receive) -> Response | None:
    """Return the answer of an endpoint; None, and it is ended, if the client goes before."""
    is_read = asyncio.Event()

    async def noted() -> Message:
        message = await receive()
        if not message.get("more_body", False):
            is_read.set()
        return message

    async def gone() -> None:
        await is_read.wait()
        while (await receive())["type"] != "http.disconnect":
            pass

    answering = asyncio.ensure_future(endpoint.handler(Request(scope, noted)))
    going = asyncio.create_task(gone())
    try:
        await asyncio.wait({answering, going}, return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        going.cancel()
        await asyncio.gather(answering, going, return_exceptions=True)


def real_root(root: Path) -> Path:
    """Return the folder of files, made if it was not there, without links on the way to it."""
    root.expanduser().mkdir(parents=True, exist_ok=True)
    return root.expanduser().resolve()
