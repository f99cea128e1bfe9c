"""Errors as answers: one shape for all of them, RFC 9457's problem details.

Only clients of OpenAI's protocol and hosts of MCP get them in its own.
"""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.errors import (
    AlirError,
    ConfigError,
    DependencyError,
    InputError,
    LanguageModelFailed,
    MilvusTimeout,
    NothingIngested,
    RunInProgress,
    ServiceFileFailed,
)
from alir.server.schemas.base import ApiModel

MEDIA_TYPE = "application/problem+json"
MCP_PATH = "/mcp"
RETRY_AFTER_S = 5
"""After a failure that may pass."""
DEFECT = "Something in alir went wrong; the service's log has it."
"""All that a client is told of what nobody foresaw."""

_log = logging.getLogger(__name__)

_STATUS: Mapping[type[AlirError], int] = {
    NothingIngested: 409,
    RunInProgress: 409,
    InputError: 422,
    MilvusTimeout: 504,
    LanguageModelFailed: 502,
    DependencyError: 503,
    ConfigError: 500,
}
"""By error or family; the first that fits."""


class Problem(ApiModel):
    """What went wrong, and what to do about it."""

    type: str = "about:blank"
    title: str
    """Of the kind of problem: the same each time."""
    status: int
    detail: str
    """Of this time, in a sentence or two."""
    errors: list[dict[str, Any]] = Field(default_factory=list)
    """Where the body is wrong: `at`, a JSON Pointer into it or a parameter, and `problem`."""

    def response(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to `request` that says so."""
        if speaks_openai(request.url.path):
            return JSONResponse(openai_error(self), _openai_status(self.status), headers=headers)
        if request.url.path == MCP_PATH:
            return JSONResponse(_mcp_error(self), self.status, headers=headers)
        return JSONResponse(
            self.model_dump(exclude_defaults=True),
            status_code=self.status,
            headers=headers,
            media_type=MEDIA_TYPE,
        )


class OpenAIErrorObject(ApiModel):
    """What went wrong, as OpenAI tells it."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_exceeded", "server_error"]
    param: str | None
    """Where the body is wrong."""
    code: str
    """The problem's title, in one word."""


class OpenAIProblem(ApiModel):
    """A problem in the shape of OpenAI's API."""

    error: OpenAIErrorObject


def speaks_openai(path: str) -> bool:
    """Return whether a path is of OpenAI's protocol."""
    return path.startswith(("/v1/chat/", "/v1/embeddings", "/v1/models"))


def openai_error(problem: Problem) -> dict[str, Any]:
    """Return a problem in the shape of OpenAI's API."""
    kind: Any = "invalid_request_error" if problem.status < 500 else "server_error"
    error = OpenAIErrorObject(
        message=problem.detail,
        type="rate_limit_exceeded" if problem.status == 429 else kind,
        param=problem.errors[0]["at"].strip("/").replace("/", ".") if problem.errors else None,
        code="_".join(problem.title.lower().split()),
    )
    return OpenAIProblem(error=error).model_dump()


def _mcp_error(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON-RPC has it, of a request whose id was not looked at."""
    code = -32600 if problem.status < 500 else -32603
    data = problem.model_dump(exclude_defaults=True)
    return {"jsonrpc": "2.0", "id": None} | {
        "error": {"code": code, "message": problem.detail, "data": data}
    }


def _openai_status(status: int) -> int:
    """OpenAI's own has no 422."""
    return 400 if status == 422 else status


class ProblemException(Exception):
    """A request that cannot be served, and why."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers


def problem_of(error: AlirError) -> Problem:
    """Return how an error of alir's is told to a client.

    What an operator must change is not for clients: they are only told that it is so.
    """
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    is_for_operators = isinstance(error, (ConfigError, ServiceFileFailed))
    if is_for_operators and not isinstance(error, RunInProgress):
        _log.error("%s", error)
        detail = "The service is not set up as it should be; its log says what to change."
        return Problem(title="Misconfigured", status=status, detail=detail)
    return Problem(title=_title(type(error)), status=status, detail=str(error))


async def on_alir_error(request: Request, error: Exception) -> Response:
    """Answer with an error of alir's."""
    assert isinstance(error, AlirError)  # noqa: S101  it is registered for those
    is_passing = isinstance(error, DependencyError) and error.retryable
    headers = {"Retry-After": str(RETRY_AFTER_S)} if is_passing else None
    return problem_of(error).response(request, headers)


async def on_refusal(request: Request, error: Exception) -> Response:
    """Answer a request that cannot be served."""
    assert isinstance(error, ProblemException)  # noqa: S101  it is registered for those
    return error.problem.response(request, error.headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette refused: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101  it is registered for those
    problem = Problem(title=error.detail, status=error.status_code, detail=f"{error.detail}.")
    return problem.response(request, error.headers)


async def on_defect(request: Request, __: Exception) -> Response:
    """Answer what nobody foresaw; it is logged."""
    return Problem(title="Internal Error", status=500, detail=DEFECT).response(request)


class ErrorMiddleware:
    """Answers with what is raised on the way to the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sent(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  the last place where one can still be told
            request = Request(scope)
            if isinstance(error, ProblemException):
                answer = await on_refusal(request, error)
            elif isinstance(error, AlirError):
                answer = await on_alir_error(request, error)
            else:
                _log.exception("A request failed")
                answer = await on_defect(request, error)
            if not has_begun:
                await answer(scope, receive, send)


def refusal(status: int, title: str, detail: str, **headers: str) -> ProblemException:
    """Return what refuses a request; `Retry_After` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProblemException(Problem(title=title, status=status, detail=detail), named)


def _title(kind: type[AlirError]) -> str:
    """Return `NothingIngested` as "Nothing Ingested"."""
    return "".join(f" {c}" if c.isupper() else c for c in kind.__name__).strip()
