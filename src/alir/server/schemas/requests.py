"""The bodies and query parameters of requests, read and validated."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from alir.server.problems import ProblemException
from alir.server.schemas.base import ApiModel
from alir.server.schemas.json_size import is_larger
from alir.server.schemas.problems import Problem

MAX_JSON_SIZE = 100_000
"""Of a body, as `json_size` counts. More would keep the event loop for over 50 ms."""
UNCOUNTED_BYTES = 256 * 1024
"""Of a body that is read without a look at its size: it cannot hold so much."""
MAX_ERRORS = 20
"""Invalid fields that a problem names."""
MAX_PARAMETERS = 100
"""Query parameters of a request."""

B = TypeVar("B", bound="RequestModel")


class RequestModel(ApiModel):
    """The JSON object of a request; a field it does not declare is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


async def read_body(request: Request, kind: type[B], *, max_json_size: int = MAX_JSON_SIZE) -> B:
    """Return the body of a request.

    Raises:
        ProblemException: The body is not JSON, has more values than `max_json_size`, or does not
            fit the model.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        # Not only tidy: a browser sends JSON to another origin only if that one allows it.
        detail = "Send a JSON object, with Content-Type: application/json."
        raise ProblemException(Problem(title="Unsupported Media Type", status=415, detail=detail))
    content = await request.body()
    if len(content) <= UNCOUNTED_BYTES:
        return _parsed(content, kind)
    if await asyncio.to_thread(is_larger, content, max_json_size):
        detail = f"The body has more than {max_json_size} JSON values, keys and brackets."
        raise ProblemException(Problem(title="Content Too Large", status=413, detail=detail))
    return await asyncio.to_thread(_parsed, content, kind)


def _parsed(content: bytes, kind: type[B]) -> B:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)
        if first[0]["type"] == "json_invalid":
            detail = f"The body is no JSON: {first[0]['msg'].partition(': ')[2]}."
            raise ProblemException(
                Problem(title="Bad Request", status=400, detail=detail)
            ) from error
        body = from_json(content)
        found = [(_pointer(one["loc"], body), one["msg"]) for one in first[:MAX_ERRORS]]
        raise _invalid("Body", found, total=len(first)) from error


def read_query(request: Request, kind: type[B]) -> B:
    """Return the query parameters of a request.

    Raises:
        ProblemException: A parameter is unknown, repeated, or does not fit the model.
    """
    given = request.query_params.multi_items()
    if len(given) > MAX_PARAMETERS:
        raise _invalid("Query", [("", f"It has more than {MAX_PARAMETERS} parameters")])
    counts = Counter(name for name, _ in given)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise _invalid("Query", [(name, "It is there more than once") for name in twice])
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)
        raise _invalid("Query", [(str(one["loc"][0]), one["msg"]) for one in first]) from error


def invalid_request(
    at: str, problem: str, *, what: Literal["Body", "Query"] = "Body"
) -> ProblemException:
    """Return the error for a field of a body (a JSON Pointer) or for a query parameter."""
    return _invalid(what, [(at, problem)])


def _invalid(what: str, found: Sequence[tuple[str, str]], *, total: int = 0) -> ProblemException:
    errors = [{"at": at, "problem": problem} for at, problem in found[:MAX_ERRORS]]
    detail = f"{errors[0]['at'] or f'The {what.lower()}'}: {errors[0]['problem']}."
    total = max(total, len(found))
    if total > MAX_ERRORS:
        detail += f" {total - MAX_ERRORS} more are wrong, and not named."
    return ProblemException(
        Problem(title=f"Invalid {what}", status=422, detail=detail, errors=errors)
    )


def _pointer(location: tuple[int | str, ...], body: Any) -> str:
    """Return the JSON Pointer of an error; pydantic's location also names branches of unions."""
    pointer, value, is_known = "", body, True
    for part in location:
        if is_known:
            if isinstance(value, dict) and isinstance(part, str):
                is_known = part in value  # or it is missing, or the model found it elsewhere
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int):
                value = value[part]
            else:
                continue  # a branch
        pointer += f"/{str(part).replace('~', '~0').replace('/', '~1')}"
    return pointer
