"""The web page: its files, and the pictures of the workflows."""

from collections.abc import Sequence
from functools import cache, partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from workflows import Workflow

from alir.visualize.svg import svg

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing inline and nothing from another host: markup of a document could neither run nor load."""

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PLACEHOLDER = ("did not run".ljust(14), "")
"""The text below a step's name, as wide as what the page writes there after a run."""


def routes(**workflows: Workflow) -> Sequence[Route]:
    """Return the routes of the page: `/`, its files and the workflows' pictures below `/page/`."""
    folder = files("alir.server") / "static"
    contents = {
        one.name: one.read_bytes()
        for one in folder.iterdir()
        if one.name.rpartition(".")[2] in _TYPES
    } | {f"{name}.svg": _picture(type(workflow)) for name, workflow in workflows.items()}
    return [
        Route("/", partial(_serve_file, contents, "index.html")),
        *(Route(f"/page/{name}", partial(_serve_file, contents, name)) for name in contents),
    ]


@cache
def _picture(workflow: type[Workflow]) -> bytes:
    graph = svg(workflow, measured={}, passed=(), unmeasured=_PLACEHOLDER)
    return graph.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).encode()


async def _serve_file(contents: dict[str, bytes], name: str, _: Request) -> Response:
    return Response(
        contents[name],
        media_type=_TYPES[name.rpartition(".")[2]],
        headers={"Content-Security-Policy": POLICY},
    )
