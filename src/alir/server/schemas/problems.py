"""Problems as responses: RFC 9457's problem details, or OpenAI's or MCP's errors."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.server.schemas.base import ApiModel

MEDIA_TYPE = "application/problem+json"
MCP_PATH = "/mcp"
OPENAI_PATHS = ("/v1/chat/", "/v1/completions", "/v1/embeddings", "/v1/models", "/v1/responses")
"""Also those that alir has not: their clients understand its 404."""


class Problem(ApiModel):
    """A problem: what went wrong, and what to do about it."""

    type: str = "about:blank"
    title: str
    """The same for each problem of a kind."""
    status: int
    detail: str
    """What happened this time, in a sentence or two."""
    errors: list[dict[str, Any]] = Field(default_factory=list)
    """Invalid fields: `at`, a JSON Pointer or a parameter, and `problem`."""

    def response(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """Return the response, in the shape that the request's path needs."""
        path: str = request.scope["path"]  # request.url is made of the Host, too
        if speaks_openai(path):
            return JSONResponse(openai_error(self), _openai_status(self.status), headers=headers)
        if path == MCP_PATH:
            return JSONResponse(_mcp_error(self), self.status, headers=headers)
        return JSONResponse(
            self.model_dump(exclude_defaults=True),
            status_code=self.status,
            headers=headers,
            media_type=MEDIA_TYPE,
        )


class OpenAIError(ApiModel):
    """An error in OpenAI's API."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_exceeded", "server_error"]
    param: str | None
    """The invalid field."""
    code: str
    """The problem's title as one word."""


class OpenAIErrorResponse(ApiModel):
    """The response for an error in OpenAI's API."""

    error: OpenAIError


def speaks_openai(path: str) -> bool:
    """Return whether a path belongs to OpenAI's API."""
    return path.startswith(OPENAI_PATHS)


def openai_error(problem: Problem) -> dict[str, Any]:
    """Return a problem in the shape of OpenAI's API."""
    kind: Any = "invalid_request_error" if problem.status < 500 else "server_error"
    error = OpenAIError(
        message=problem.detail,
        type="rate_limit_exceeded" if problem.status == 429 else kind,
        param=problem.errors[0]["at"].strip("/").replace("/", ".") if problem.errors else None,
        code="_".join(problem.title.lower().split()),
    )
    return OpenAIErrorResponse(error=error).model_dump()


def _mcp_error(problem: Problem) -> dict[str, Any]:
    """Return a problem as a JSON-RPC error for a request without a known id."""
    code = -32600 if problem.status < 500 else -32603
    data = problem.model_dump(exclude_defaults=True)
    return {"jsonrpc": "2.0", "id": None} | {
        "error": {"code": code, "message": problem.detail, "data": data}
    }


def _openai_status(status: int) -> int:
    """Return the status in OpenAI's API, which has no 422."""
    return 400 if status == 422 else status
