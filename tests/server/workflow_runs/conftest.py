"""LlamaIndex's client of a service, and what its tests wait for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from llama_agents.client import WorkflowClient
from llama_agents.client.protocol import HandlerData

from alir.server.workflow_runs.routes import PREFIX


@pytest.fixture
def client_of() -> Callable[..., Any]:
    @asynccontextmanager
    async def client_of(
        served: Any, who: httpx.AsyncClient | None = None
    ) -> AsyncIterator[WorkflowClient]:
        """LlamaIndex's client, with the key of `who`."""
        headers = {"Authorization": who.headers["authorization"]} if who else {}
        async with httpx.AsyncClient(
            base_url=f"{served.url}{PREFIX}", headers=headers, timeout=30
        ) as http:
            yield WorkflowClient(httpx_client=http)

    return client_of


@pytest.fixture
def told() -> Callable[..., Any]:
    async def told(client: WorkflowClient, run: HandlerData, after: Any = -1) -> list[Any]:
        return [event async for event in client.get_workflow_events(run.handler_id, False, after)]

    return told


@pytest.fixture
def until() -> Callable[..., Any]:
    async def until(is_so: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                await asyncio.sleep(0.01)

    return until
