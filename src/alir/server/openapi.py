"""The OpenAPI file, made of the same endpoints as the routes."""

import inspect
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.server.endpoint import Endpoint
from alir.server.problems import MEDIA_TYPE, Problem

_TITLES = {
    400: "The body is no JSON",
    409: "The index is empty, or being changed",
    413: "The body is too large",
    415: "The body is of another media type",
    422: "The body is not what is asked for",
    500: "The service is misconfigured, or has a defect",
    502: "The language model failed",
    503: "Milvus is gone",
    504: "Milvus is too slow",
}
_REF = "#/components/schemas/{model}"


def openapi(endpoints: Sequence[Endpoint], *, version: str) -> dict[str, Any]:
    """Return the description of `endpoints`, OpenAPI 3.1."""
    models = {model for one in endpoints for model in _models(one)} | {Problem}
    in_order = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "serialization") for model in in_order], ref_template=_REF
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "alir", "version": version},
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def route(description: dict[str, Any]) -> Any:
    """Return the handler that answers with the file."""

    async def handler(_: Request) -> Response:
        return JSONResponse(description)

    return handler


def _models(endpoint: Endpoint) -> list[type[BaseModel]]:
    body = [endpoint.body] if endpoint.body else []
    return [endpoint.answer, *endpoint.also.values(), *body, *endpoint.streams.values()]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": inspect.getdoc(endpoint.handler),
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": _ref(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": _ref(endpoint.answer)}}
    if endpoint.streams:
        events = {name: _ref(model) for name, model in endpoint.streams.items()}
        content["text/event-stream"] = {"schema": {"type": "string"}, "x-events": events}
    responses: dict[str, Any] = {"200": {"description": endpoint.summary, "content": content}}
    for status, model in endpoint.also.items():
        content = {"application/json": {"schema": _ref(model)}}
        responses[str(status)] = {"description": _first_line(model), "content": content}
    for status in endpoint.problems:
        content = {MEDIA_TYPE: {"schema": _ref(Problem)}}
        responses[str(status)] = {"description": _TITLES[status], "content": content}
    return responses


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _first_line(model: type[BaseModel]) -> str:
    return inspect.getdoc(model).partition("\n")[0]  # type: ignore[union-attr]
