"""The documentation page of the API: the OpenAPI file as HTML, without scripts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from alir.server.routes.page import POLICY

API_PAGE_PATH = "/docs"
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>alir: the API</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/page.css">
<link rel="stylesheet" href="/page/api.css">
</head>
<body>
<a class="skip" href="#operations">To the operations</a>
<header>
<h1>alir: the API</h1>
<p>Made of <a href="/openapi.json">openapi.json</a>. <a href="/">The page to ask on</a>.</p>
</header>
"""

Schema = Mapping[str, Any]
Operation = tuple[str, str, Schema]
"""A path, a method and their description."""


def route(description: Mapping[str, Any]) -> Any:
    """Return the handler that serves the page of an OpenAPI description."""
    content = page(description)

    async def handler(_: Request) -> Response:
        return HTMLResponse(content, headers={"Content-Security-Policy": POLICY})

    return handler


def page(description: Mapping[str, Any]) -> str:
    """Return an OpenAPI 3.1 description as one HTML page."""
    operations = [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = description["components"]["schemas"]
    return "".join(
        [
            _HEAD,
            '<nav aria-label="Operations"><ul>',
            *(_entry(*one) for one in operations),
            '</ul></nav>\n<main class="api">\n<section id="operations" tabindex="-1">\n',
            "<h2>Operations</h2>\n",
            *(part for one in operations for part in _operation(*one)),
            "</section>\n<section>\n<h2>Problems</h2>\n",
            _problems(operations),
            "</section>\n<section>\n<h2>Objects</h2>\n",
            *(part for name, schema in schemas.items() for part in _object(name, schema)),
            "</section>\n</main>\n</body>\n</html>\n",
        ]
    )


def _entry(path: str, method: str, operation: Schema) -> str:
    label = f"<code>{method.upper()} {escape(path)}</code> {_prose(operation['summary'])}"
    return f'<li><a href="#{_anchor(path, method)}">{label}</a></li>'


def _operation(path: str, method: str, operation: Schema) -> Iterator[str]:
    yield f'<article id="{_anchor(path, method)}">\n'
    yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>\n"
    for paragraph in operation["description"].split("\n\n"):
        yield f"<p>{_prose(paragraph)}</p>\n"
    yield "<dl>\n"
    if (body := operation.get("requestBody")) is not None:
        kinds = "<br>".join(_content(kind, one) for kind, one in body["content"].items())
        yield f"<dt>Body</dt><dd>{kinds}</dd>\n"
    answers = operation["responses"]
    for status, answer in answers.items():
        if not _is_problem(answer):
            yield f"<dt><code>{status}</code></dt><dd>{'<br>'.join(_answers(answer))}</dd>\n"
    statuses = [status for status, answer in answers.items() if _is_problem(answer)]
    links = ", ".join(f'<a href="#problem-{status}">{status}</a>' for status in statuses)
    yield f"<dt>Problems</dt><dd>{links}</dd>\n"
    if not operation["security"]:
        yield "<dt>Key</dt><dd>none needed</dd>\n"
    yield "</dl>\n</article>\n"


def _answers(answer: Schema) -> Iterator[str]:
    for kind, content in answer.get("content", {}).items():
        events = content.get("x-events", {})
        names = ", ".join(
            f"<code>{escape(name)}</code> {_type(one)}" for name, one in events.items()
        )
        yield f"<code>{escape(kind)}</code> of {names}" if names else _content(kind, content)


def _is_problem(answer: Schema) -> bool:
    shown = (one["schema"].get("$ref", "") for one in answer.get("content", {}).values())
    return any(one.rpartition("/")[2] in {"Problem", "OpenAIErrorResponse"} for one in shown)


def _problems(operations: Sequence[Operation]) -> str:
    """Return a table of all statuses of problems."""
    problems = {
        status: answer["description"]
        for _, _, operation in operations
        for status, answer in operation["responses"].items()
        if _is_problem(answer)
    }
    rows = [
        f'<dt id="problem-{status}"><code>{status}</code></dt><dd>{_prose(when)}</dd>\n'
        for status, when in sorted(problems.items())
    ]
    return f"<dl>\n{''.join(rows)}</dl>\n" if rows else ""


def _content(kind: str, content: Schema) -> str:
    return f"<code>{escape(kind)}</code> {_type(content['schema'])}"


def _object(name: str, schema: Schema) -> Iterator[str]:
    yield f'<article id="{escape(name)}">\n<h3>{escape(name)}</h3>\n'
    if description := schema.get("description"):
        yield f"<p>{_prose(description)}</p>\n"
    if "properties" not in schema:
        yield f"<p>{_type(schema)}</p>\n"
    else:
        needed = schema.get("required", ())
        rows = [
            (f"<code>{escape(field)}</code>", _type(one), _meaning(one, is_needed=field in needed))
            for field, one in schema["properties"].items()
        ]
        yield _table(f"Fields of {name}", ("Field", "Type", "Meaning"), rows)
    yield "</article>\n"


def _meaning(schema: Schema, *, is_needed: bool) -> str:
    description = _prose(schema.get("description", ""))
    if is_needed or "default" not in schema:
        return description
    default = escape(str(schema["default"]).lower() if schema["default"] is not None else "null")
    return f"{description} Default: <code>{default}</code>.".strip()


def _type(schema: Schema) -> str:
    """Return the type of a value in a few words."""
    if (name := schema.get("$ref", "").rpartition("/")[2]) != "":
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if one_of := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(one) for one in one_of)
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in values)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}{_limits(schema)}"
    if kind == "object":
        return _inside(schema)
    return f"{escape(str(kind))}{_limits(schema)}"


def _inside(schema: Schema) -> str:
    """Return the fields of an unnamed object."""
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping):
        return f"object of {_type(values)}"
    named = schema.get("properties", {}).items()
    fields = [f"<code>{escape(name)}</code>: {_type(one)}" for name, one in named]
    return ", ".join(fields) or "object"


_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}


def _limits(schema: Schema) -> str:
    limits = [words.format(schema[name]) for name, words in _LIMITS.items() if name in schema]
    return f", {', '.join(limits)}" if limits else ""


def _table(caption: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
        for first, *rest in rows
    )
    return (
        f'<table>\n<caption class="hidden">{escape(caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n"
    )


def _anchor(path: str, method: str) -> str:
    return f"{method}-{re.sub(r'[^A-Za-z0-9]+', '-', path).strip('-')}"


def _prose(text: str) -> str:
    """Return a docstring as HTML; text in backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
