"""The bodies and query parameters of requests, read and validated."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeVar

from pydantic import ConfigDict, ValidationError
from starlette.requests import Request

from alir.server.problems import ProblemException
from alir.server.schemas.base import ApiModel
from alir.server.schemas.problems import Problem

MAX_ERRORS = 20
"""Invalid fields that a problem names."""
MAX_PARAMETERS = 100
"""Query parameters of a request."""

B = TypeVar("B", bound="RequestModel")


class RequestModel(ApiModel):
    """The JSON object of a request; a field it does not declare is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


async def read_body(request: Request, kind: type[B]) -> B:
    """Return the body of a request.

    Raises:
        ProblemException: The body is not JSON or does not fit the model.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        # Not only tidy: a browser sends JSON to another origin only if that one allows it.
        detail = "Send a JSON object, with Content-Type: application/json."
        raise ProblemException(Problem(title="Unsupported Media Type", status=415, detail=detail))
    content = await request.body()
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


def _invalid(what: str, found: Sequence[tuple[str, str]]) -> ProblemException:
    errors = [{"at": at, "problem": problem} for at, problem in found[:MAX_ERRORS]]
    detail = f"{errors[0]['at'] or f'The {what.lower()}'}: {errors[0]['problem']}."
    if len(found) > MAX_ERRORS:
        detail += f" {len(found) - MAX_ERRORS} more are wrong, and not named."
    return ProblemException(
        Problem(title=f"Invalid {what}", status=422, detail=detail, errors=errors)
    )


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)
