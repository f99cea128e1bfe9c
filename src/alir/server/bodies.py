"""The bodies of requests: read up to a limit, and checked."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from alir.server.problems import Problem, Refused

MAX_BODY_BYTES = 256 * 1024
"""Of a request that is no upload."""

B = TypeVar("B", bound="Body")


class Body(BaseModel):
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
        raise Refused(Problem(title="Unsupported Media Type", status=415, detail=detail))
    content = await _content(request)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)
        if first[0]["type"] == "json_invalid":
            detail = f"The body is no JSON: {first[0]['msg'].partition(': ')[2]}."
            raise Refused(Problem(title="Bad Request", status=400, detail=detail)) from error
        errors = [{"at": _pointer(one["loc"]), "problem": one["msg"]} for one in first]
        detail = f"{errors[0]['at'] or 'The body'}: {errors[0]['problem']}."
        problem = Problem(title="Invalid Body", status=422, detail=detail, errors=errors)
        raise Refused(problem) from error


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY_BYTES:
            detail = f"The body has more than {MAX_BODY_BYTES} bytes."
            # The rest is not read.
            headers = {"Connection": "close"}
            raise Refused(Problem(title="Content Too Large", status=413, detail=detail), headers)
    return bytes(content)


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
