"""Errors as answers: RFC 9457's problem details, or the shape of OpenAI's API or of MCP."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.server.schemas.base import ApiModel

MEDIA_TYPE = "application/problem+json"
MCP_PATH = "/mcp"


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


class OpenAIError(ApiModel):
    """What went wrong, as OpenAI tells it."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_exceeded", "server_error"]
    param: str | None
    """Where the body is wrong."""
    code: str
    """The problem's title, in one word."""


class OpenAIErrorResponse(ApiModel):
    """A problem in the shape of OpenAI's API."""

    error: OpenAIError


def speaks_openai(path: str) -> bool:
    """Return whether a path is of OpenAI's protocol."""
    return path.startswith(("/v1/chat/", "/v1/embeddings", "/v1/models"))


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
    """Return a problem as JSON-RPC has it, of a request whose id was not looked at."""
    code = -32600 if problem.status < 500 else -32603
    data = problem.model_dump(exclude_defaults=True)
    return {"jsonrpc": "2.0", "id": None} | {
        "error": {"code": code, "message": problem.detail, "data": data}
    }


def _openai_status(status: int) -> int:
    """OpenAI's own has no 422."""
    return 400 if status == 422 else status
