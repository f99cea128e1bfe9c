"""The OpenAPI file, made from the same endpoints as the routes."""

import inspect
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.problems import MEDIA_TYPE, OpenAIErrorResponse, Problem, speaks_openai

_TITLES = {
    400: "The request is no HTTP, or its body cannot be read",
    401: "A key is needed",
    403: "The key may not do that, or another site's page asked",
    404: "There is no such thing, or it belongs to another tenant",
    405: "The path has no such method",
    408: "The body came too slowly",
    409: "The index is empty, or being changed; or it cannot be done with this",
    413: "The body is too large",
    414: "The path and its query are too long",
    415: "The body is of another media type",
    421: "The service is not known by this Host",
    422: "The body or the query is not what is asked for",
    429: "The key has asked for too much, or the service is busy",
    431: "The headers are too large, or too many",
    500: "The service is misconfigured, or has a defect",
    502: "The language model failed",
    503: "Milvus is gone, or the service's own file cannot be used",
    504: "Milvus is too slow",
    507: "The disk is full",
}
_ALL_STATUSES = (400, 403, 414, 421, 431, 500)
_KEY_STATUSES = (401, 429, 503)
_BODY_STATUSES = (408, 413, 415, 422)
_SECURITY = {"key": {"type": "http", "scheme": "bearer"}}
_REF = "#/components/schemas/{model}"


def openapi(endpoints: Sequence[Endpoint], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the endpoints."""
    models: set[type[BaseModel]] = {Problem, OpenAIErrorResponse}
    models |= {model for one in endpoints for model in _models(one)}
    schemas = _schemas(tuple(sorted(models, key=lambda model: model.__name__)))
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "alir", "version": version},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def route(description: dict[str, Any]) -> Any:
    """Return the handler that serves the file."""

    async def handler(_: Request) -> Response:
        return JSONResponse(description)

    return handler


@cache
def _schemas(models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_REF
    )
    found: dict[str, Any] = schemas["$defs"]
    return found


def _models(endpoint: Endpoint) -> list[type[BaseModel]]:
    response = [] if isinstance(endpoint.response, str) else [endpoint.response]
    body = [endpoint.body] if endpoint.body else []
    others = [model for model in endpoint.other_responses.values() if model is not None]
    return [*response, *others, *body, *endpoint.streams.values()]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": inspect.getdoc(endpoint.handler),
        "responses": _responses(endpoint),
        "security": [] if endpoint.scope == "open" else [{"key": []}],
    }
    if parameters := _parameters(endpoint):
        operation["parameters"] = parameters
    if endpoint.body is not None:
        content = {"application/json": {"schema": _ref(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.uploads:
        files: dict[str, Any] = {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 1,
        }
        form = {"type": "object", "properties": {"file": files}, "required": ["file"]}
        uploaded = {"multipart/form-data": {"schema": form}}
        operation["requestBody"] = {"required": True, "content": uploaded}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path: dict[str, Any] = {"in": "path", "required": True, "schema": {"type": "string"}}
    parameters = [{"name": name, **in_path} for name in re.findall(r"{(\w+)}", endpoint.path)]
    if endpoint.query is not None:
        known = endpoint.query.model_json_schema()["properties"]
        parameters += [
            {"name": name, "in": "query", "schema": schema} for name, schema in known.items()
        ]
    return parameters


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    response = endpoint.response
    content: dict[str, Any] = (
        {kind: {"schema": {"type": "string"}} for kind in (response, *endpoint.other_media_types)}
        if isinstance(response, str)
        else {"application/json": {"schema": _ref(response)}}
    )
    if endpoint.streams:
        events = {name: _ref(model) for name, model in endpoint.streams.items()}
        content["text/event-stream"] = {"schema": {"type": "string"}, "x-events": events}
    responses: dict[str, Any] = {
        str(endpoint.status): {"description": endpoint.summary, "content": content}
    }
    problems = {*endpoint.problems, *_ALL_STATUSES}
    problems |= {*_KEY_STATUSES} if endpoint.scope != "open" else set()
    problems |= {*_BODY_STATUSES} if endpoint.body or endpoint.uploads else set()
    problems |= {404} if "{" in endpoint.path else set()
    problems |= {422} if endpoint.query else set()
    problem: dict[str, Any] = {MEDIA_TYPE: {"schema": _ref(Problem)}}
    if speaks_openai(endpoint.path):
        problems -= {422}
        problem = {"application/json": {"schema": _ref(OpenAIErrorResponse)}}
    for status in sorted(problems):
        responses[str(status)] = {"description": _TITLES[status], "content": problem}
    for status, model in endpoint.other_responses.items():
        if model is None:
            responses[str(status)] = {"description": "No event is left"}
            continue
        content = {"application/json": {"schema": _ref(model)}}
        responses[str(status)] = {"description": _first_line(model), "content": content}
    return responses


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _first_line(model: type[BaseModel]) -> str:
    return inspect.getdoc(model).partition("\n")[0]  # type: ignore[union-attr]
