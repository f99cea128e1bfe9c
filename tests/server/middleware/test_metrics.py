"""Metrics of requests: by the route's template."""

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from alir.server.middleware.metrics import MetricsMiddleware, RequestMetrics


class Told:
    """What a service says of itself."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels."""
        return sum(
            one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        )

    def values(self, label: str) -> set[str]:
        return {one.labels[label] for one in self.samples if label in one.labels}


async def test_a_route_is_told_by_its_template_also_in_what_is_mounted() -> None:
    async def handler(_: Request) -> Response:
        return Response()

    inner = Starlette(routes=[Route("/{name}/run", handler)])
    registry = CollectorRegistry()
    app = MetricsMiddleware(
        Starlette(routes=[Mount("/workflows", inner), Route("/a/{id}", handler)]),
        requests=RequestMetrics(registry),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/workflows/hunter2/run", "/workflows/hunter2", "/a/hunter2", "/hunter2"):
            await client.get(path)
    told = Told([sample for family in registry.collect() for sample in family.samples])

    assert told.values("route") == {"/workflows/{name}/run", "/workflows", "/a/{id}", ""}
