"""An endpoint: what the routes, the OpenAPI file and the access rules are all made from."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from alir.models.key_scope import Scope
from alir.server.schemas.requests import RequestModel

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """With its parameters in braces."""
    handler: Handler
    scope: Scope | Literal["open"]
    """The least that a key for it may do; `open` needs none."""
    summary: str
    answer: type[BaseModel] | Literal["text/plain", "text/event-stream"]
    """What comes back where it went well: an object, text, or `streams` alone."""
    status: int = 200
    """Of that."""
    also_as: tuple[str, ...] = ()
    """Other media types of that text, which a client may ask for."""
    also: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    """Of other statuses that are no problems; None has no body."""
    body: type[RequestModel] | None = None
    query: type[RequestModel] | None = None
    """What may stand behind the path's question mark; nothing is required."""
    uploads: bool = False
    """Whether the body is a form with files."""
    streams: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    """What comes instead as server-sent events, by name, where the client accepts those."""
    problems: tuple[int, ...] = ()
    """The statuses of the problems that it may answer with, besides those that all have."""
    is_question: bool = False
    """Whether it takes a place among the questions under way, and may cost tokens."""
