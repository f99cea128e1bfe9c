"""The agent's server-sent events, as a client reads them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx


async def streamed(client: httpx.AsyncClient, **body: Any) -> list[tuple[str, Any]]:
    return [one async for one in streaming(client, **body)]


async def streaming(client: httpx.AsyncClient, **body: Any) -> AsyncIterator[tuple[str, Any]]:
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", "/v1/agent", json=body, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))
