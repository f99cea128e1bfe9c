"""The bodies of requests: read up to a limit, not for ever, and checked."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Literal, TypeVar

from pydantic import ConfigDict, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.problems import Problem, ProblemException, refusal
from alir.server.schemas.base import ApiModel

MAX_BODY_BYTES = 256 * 1024
"""Of a request that is no upload."""
LINGER_S = 2.0
"""For the rest of a body that was refused."""
PATIENCE_S = 10.0
"""For the first piece of a body, and for each next one."""
SLOWEST_BYTES_PER_S = 16 * 1024
"""Of a body, after the patience for its first piece: one that comes in drops holds a place."""

B = TypeVar("B", bound="RequestModel")


class RequestModel(ApiModel):
    """The JSON object of a request; a field it does not declare is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


async def read(request: Request, kind: type[B]) -> B:
    """Return the body of `request`.

    Raises:
        Refused: it is too large, no JSON, or not what is asked for.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        # Not only tidy: a browser sends JSON to another origin only if that one allows it.
        detail = "Send a JSON object, with Content-Type: application/json."
        raise ProblemException(Problem(title="Unsupported Media Type", status=415, detail=detail))
    content = await _content(request)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)
        if first[0]["type"] == "json_invalid":
            detail = f"The body is no JSON: {first[0]['msg'].partition(': ')[2]}."
            raise ProblemException(
                Problem(title="Bad Request", status=400, detail=detail)
            ) from error
        raise _invalid("Body", [(_pointer(one["loc"]), one["msg"]) for one in first]) from error


def read_query(request: Request, kind: type[B]) -> B:
    """Return what stands behind the question mark of `request`.

    Raises:
        Refused: it is not what is asked for; a parameter that is unknown or doubled is not.
    """
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _invalid("Query", [(name, "It is there more than once") for name in twice])
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)
        raise _invalid("Query", [(str(one["loc"][0]), one["msg"]) for one in first]) from error


def unfit(at: str, problem: str, *, what: Literal["Body", "Query"] = "Body") -> ProblemException:
    """Return what refuses a body that is wrong at this JSON Pointer, or a query at a name."""
    return _invalid(what, [(at, problem)])


class BodyLimitMiddleware:
    """Refuses bodies that are too large or too slow, whoever reads them.

    Args:
        larger: by path, the most bytes of its bodies, where it is not `MAX_BODY_BYTES`.
    """

    def __init__(
        self, app: ASGIApp, *, larger: Mapping[str, int], patience_s: float = PATIENCE_S
    ) -> None:
        self._app = app
        self._larger = larger
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], MAX_BODY_BYTES)
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and int(said) > limit:
            if "expect" not in Headers(scope=scope):
                await _pass_over(receive)
            raise _too_large(limit)
        waited_s, size_bytes, is_whole = 0.0, 0, False

        async def received() -> Message:
            nonlocal waited_s, size_bytes, is_whole
            if is_whole:
                return await receive()  # it waits for the client to go
            # Only what the client takes counts, not what is done here with the piece before.
            spare_s = self._patience_s + size_bytes / SLOWEST_BYTES_PER_S - waited_s
            began = monotonic()
            try:
                async with asyncio.timeout(min(self._patience_s, spare_s)):
                    message = await receive()
            except TimeoutError as error:
                detail = "The body came too slowly, or not to its end."
                raise refusal(408, "Request Timeout", detail, Connection="close") from error
            waited_s += monotonic() - began
            size_bytes += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if size_bytes > limit:
                await _pass_over(receive)
                raise _too_large(limit)
            return message

        await self._app(scope, received, send)


async def _pass_over(receive: Receive) -> None:
    """Let a client come to the end of its body: one that is cut off sees no answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (await receive()).get("more_body", False):
                pass


def _too_large(limit: int) -> ProblemException:
    detail = f"The body has more than {limit} bytes."
    return refusal(413, "Content Too Large", detail, Connection="close")


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY_BYTES:
            raise _too_large(MAX_BODY_BYTES)
    return bytes(content)


def _invalid(what: str, found: Sequence[tuple[str, str]]) -> ProblemException:
    errors = [{"at": at, "problem": problem} for at, problem in found]
    detail = f"{errors[0]['at'] or f'The {what.lower()}'}: {errors[0]['problem']}."
    return ProblemException(
        Problem(title=f"Invalid {what}", status=422, detail=detail, errors=errors)
    )


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
