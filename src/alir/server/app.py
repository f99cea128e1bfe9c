"""The HTTP service: its endpoints, and the middleware of every request."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from alir.app.application import Alir
from alir.concurrency.loop_lag import LoopLag
from alir.errors import AlirError
from alir.server.connections import descriptors
from alir.server.ingestion_queue import IngestionQueue
from alir.server.limits.question_limiter import QuestionLimiter
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.mcp.cancellation import LABEL as MCP_LABEL
from alir.server.mcp.transport import McpHttpTransport
from alir.server.middleware.auth import AuthMiddleware
from alir.server.middleware.body_limit import BodyLimitMiddleware
from alir.server.middleware.errors import ErrorMiddleware
from alir.server.middleware.headers import LOOPBACK, SameOriginMiddleware, SecurityHeadersMiddleware
from alir.server.middleware.metrics import MetricsMiddleware
from alir.server.middleware.request_concurrency import MAX_REQUESTS, RequestConcurrencyMiddleware
from alir.server.middleware.request_log import REQUEST_ID, RequestLogMiddleware
from alir.server.openai.chat import ChatRoutes
from alir.server.openai.embeddings import EmbeddingRoutes
from alir.server.openai.models import ModelRoutes
from alir.server.problems import ProblemException, handle_error
from alir.server.routes import api_docs, page
from alir.server.routes.dispatcher import EndpointDispatcher
from alir.server.routes.drafts import clear_drafts
from alir.server.routes.endpoint import Endpoint
from alir.server.routes.feedback import FeedbackRoutes
from alir.server.routes.health import HealthRoutes, IngestionsStatus
from alir.server.routes.ingestions import IngestionRoutes
from alir.server.routes.meanings import MeaningRoutes
from alir.server.routes.openapi import openapi, route
from alir.server.routes.questions import QuestionRoutes
from alir.server.routes.sessions import SessionRoutes
from alir.server.routes.sources import SourceRoutes
from alir.server.routes.uploads import UploadLimits, UploadRoutes
from alir.server.telemetry.metrics import PATH as METRICS_PATH
from alir.server.telemetry.metrics import Metrics
from alir.server.telemetry.tracing import Tracing
from alir.server.workflow_runs.routes import RunRoutes
from alir.server.workflow_runs.server import WorkflowRunServer
from alir.storage import keys
from alir.storage.answers import AnswerStore
from alir.storage.service_database import ServiceDatabase

OPENAPI_PATH = "/openapi.json"


class HttpService:
    """Serves one `Alir` over HTTP; `app` is the ASGI application, which closes it at its end.

    Args:
        root: The folder that holds the files; a real path.
        only_loopback: Whether only this machine can reach the service.
    """

    def __init__(self, alir: Alir, *, root: Path, only_loopback: bool) -> None:
        settings = alir.settings
        self._alir = alir
        self._database = ServiceDatabase(settings.service_path)
        question_limiter = QuestionLimiter(
            settings.questions_at_once,
            max_waiting=settings.questions_waiting,
            wait_timeout_s=settings.question_wait_s,
        )
        self._lag = LoopLag()
        self._lag.listeners.append(question_limiter.adjust)
        self.rate_limiter = RateLimiter(
            self._database,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_day=settings.tokens_per_day,
            question_limiter=question_limiter,
            max_requests_per_key=max_requests() // 2,
        )
        self.ingestion_queue = queue = IngestionQueue(alir, self._database, root)
        health = HealthRoutes(
            {
                "milvus": alir.catalog.count_chunks,
                "ledger": alir.ledger.count_by_stage,
                "keys": lambda: self._database.run_in_thread(keys.check_not_lost),
            },
            lambda: IngestionsStatus(waiting=queue.waiting, problem=queue.problem),
        )
        self._root = root
        self.answers = AnswerStore(self._database, settings.collection, most=settings.answers_kept)
        meanings = MeaningRoutes(
            wait_s=settings.meaning_wait_s, most=max(1, settings.questions_at_once // 2)
        )
        self._tracing = Tracing(settings.otlp_endpoint)
        self.metrics = Metrics(alir, rate_limiter=self.rate_limiter, queue=queue, lag=self._lag)
        self._runs = WorkflowRunServer(alir, self.rate_limiter, root, meanings)
        routers = (
            QuestionRoutes(alir, self.answers, meanings),
            meanings,
            ChatRoutes(alir, self.answers),
            EmbeddingRoutes(alir),
            ModelRoutes(),
            SessionRoutes(alir),
            FeedbackRoutes(self.answers),
            SourceRoutes(alir, queue),
            IngestionRoutes(queue),
            UploadRoutes(queue, UploadLimits.from_settings(settings)),
            health,
            self.metrics,
            RunRoutes(self._runs),
        )
        self._mcp = McpHttpTransport(alir, self.rate_limiter)
        self.endpoints: Sequence[Endpoint] = [one for each in routers for one in each.endpoints()]
        app = self._starlette_app()
        self.routes = app.routes
        self.app = self._add_middleware(app, only_loopback=only_loopback)

    def _starlette_app(self) -> Starlette:
        description = openapi(self.endpoints, version=version("alir"))
        by_path: dict[str, dict[str, Endpoint]] = {}
        for one in self.endpoints:
            by_path.setdefault(one.path, {})[one.method] = one
        # One route for each path: for another method it answers 405 with those that exist.
        routes = [
            Route(path, EndpointDispatcher(methods, self.rate_limiter), methods=[*methods])
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
            exception_handlers=dict.fromkeys(
                (AlirError, ProblemException, HTTPException, Exception), handle_error
            ),
        )
        # A redirect to the path without a trailing slash would lose the body.
        app.router.redirect_slashes = False
        return app

    def _add_middleware(self, app: ASGIApp, *, only_loopback: bool) -> ASGIApp:
        """Return the application inside its middleware, the outermost listed first."""
        settings = self._alir.settings
        hosts = LOOPBACK | {*settings.allowed_hosts}
        open_paths = [one.path for one in self.endpoints if one.scope == "open"]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            # Clients add their own (X-Stainless-*, traceparent), more with each version.
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=[REQUEST_ID, MCP_LABEL, "Retry-After"],
        )
        middleware = [
            *self._tracing.middleware(untraced={*open_paths, METRICS_PATH}),
            Middleware(RequestLogMiddleware),
            Middleware(MetricsMiddleware, requests=self.metrics.requests),
            Middleware(SecurityHeadersMiddleware),
            *([cors] if settings.cors_origins else []),
            Middleware(ErrorMiddleware),
            Middleware(
                SameOriginMiddleware,
                hosts=hosts if only_loopback or settings.allowed_hosts else frozenset[str](),
                origins=settings.cors_origins,
            ),
            Middleware(
                RequestConcurrencyMiddleware,
                open_paths=open_paths,
                max_requests=max_requests(),
            ),
            Middleware(
                AuthMiddleware,
                database=self._database,
                rate_limiter=self.rate_limiter,
                root=self._root,
                open_paths=open_paths,
                allow_anonymous=only_loopback,
            ),
            Middleware(
                BodyLimitMiddleware,
                limits_by_path={
                    one.path: one.max_body_bytes for one in self.endpoints if one.method == "POST"
                },
                written={one.path for one in self.endpoints if one.uploads},
            ),
        ]
        for each in reversed(middleware):
            app = each.cls(app, *each.args, **each.kwargs)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        alir = self._alir
        async with (
            self._tracing.running(roots=[alir.ask, alir.agent, alir.ingest]),
            alir,
            self.metrics.collecting(),
            self._lag.watch(),
        ):
            try:
                await asyncio.to_thread(clear_drafts, self._root)
                await self.answers.start()
                await self.ingestion_queue.start()
                await self._runs.start()
                async with self._mcp.running():
                    yield
            finally:
                await self._runs.stop()
                await self.ingestion_queue.stop()
                await self.answers.stop()
                await self._database.aclose()


def max_requests() -> int:
    """Return how many requests may be under way; the other connections are told that it is busy."""
    return min(MAX_REQUESTS, descriptors.max_connections() * 3 // 4)


def real_root(root: Path) -> Path:
    """Create the folder of files, for its owner alone, if it is missing; return its real path."""
    root.expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
    return root.expanduser().resolve()
