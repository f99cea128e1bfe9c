"""An endpoint: routes, the OpenAPI file and access rules are made from it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from alir.models.key_scope import Scope
from alir.server.middleware.body_limit import MAX_BODY_BYTES
from alir.server.schemas.requests import RequestModel

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """The path, with parameters in braces."""
    handler: Handler
    scope: Scope | Literal["open"]
    """The scope that a key needs; `open` needs no key."""
    summary: str
    response: type[BaseModel] | Literal["text/plain", "text/event-stream"]
    """The response of a success: a model, text, or only `streams`."""
    status: int = 200
    """The status of a success."""
    other_media_types: tuple[str, ...] = ()
    """Other media types of a text response, which a client may accept."""
    other_responses: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    """The models of other statuses that are no problems; None has no body."""
    body: type[RequestModel] | None = None
    query: type[RequestModel] | None = None
    """The query parameters; all are optional."""
    max_body_bytes: int = MAX_BODY_BYTES
    uploads: bool = False
    """Whether the body is a form with files."""
    streams: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    """The server-sent events by name, for clients that accept them."""
    problems: tuple[int, ...] = ()
    """The statuses of its problems, besides those of all endpoints."""
    is_question: bool = False
    """Whether it takes a slot of the question limiter, and may cost tokens."""
