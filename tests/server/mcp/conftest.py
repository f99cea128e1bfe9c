"""A host of MCP's tools."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


@pytest.fixture
def host() -> Callable[..., Any]:
    @asynccontextmanager
    async def host(served: Any, secret: str = "", mode: str = "auto") -> AsyncIterator[Client]:
        """A host that has the service among its tools."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
            transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
            yield await stack.enter_async_context(Client(transport, mode=mode))

    return host
