"""Calls of older hosts that are cancelled by their number."""

import asyncio
from collections.abc import Callable
from typing import Any

from mcp import Client

from alir.server.auth.caller import Caller, Tenant
from alir.server.mcp.protocol import McpTransport, mcp_server
from alir.storage import keys
from alir.storage.service_database import open_service_database
from alir.testing import OpenAIServer, Stall

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"


QUESTION = "Where do bees keep their honey?"


ACCEPT = {"Accept": "application/json, text/event-stream"}


async def test_a_call_that_is_cancelled_ends_its_run_and_counts(
    serving: Callable[..., Any],
    host: Callable[..., Any],
) -> None:
    """Whether the host closes the answer's stream, or says so as older ones do, or goes away."""
    with OpenAIServer(Stall(120)) as model:
        async with serving(llm_base_url=model.base_url, tokens_per_day=100_000) as served:
            await served.hold(served.client, bees=BEES)
            secret = served.secret("read")
            with open_service_database(served.path) as db:
                [key] = keys.list_all(db)
            who = Caller(key.id, "read", Tenant("", served.root))
            transport = McpTransport(lambda _: who, served.service.rate_limiter.question_slot, str)
            gone = host(served, secret, "legacy")
            hosts: list[Any] = [
                host(served, secret),
                host(served, secret, "legacy"),
                Client(mcp_server(served.alir, transport), mode="legacy"),
                gone,
            ]
            costs = []
            for one in hosts:
                async with one as client:
                    asking = await under_way(served, client, model)
                    if one is not gone:
                        await forge_a_cancellation(served, secret)
                        asking.cancel()
                        await asyncio.gather(asking, return_exceptions=True)
                        await served.settled()
                await asyncio.gather(asking, return_exceptions=True)
                await served.settled()
                with open_service_database(served.path) as db:
                    costs.append(keys.tokens_today(db, key.id))

    assert 0 < costs[0] < costs[1] < costs[2] < costs[3]  # what the model was sent each time


async def under_way(served: Any, client: Client, model: OpenAIServer) -> asyncio.Task[Any]:
    """Ask, and wait until the model has been asked."""
    before = len(model.requests)
    asking = asyncio.create_task(client.call_tool("ask", {"question": QUESTION}))
    async with asyncio.timeout(20):
        while len(model.requests) == before:
            await asyncio.sleep(0.01)
    return asking


async def forge_a_cancellation(served: Any, secret: str) -> None:
    """Cancel all calls there may be, as another host; none is ended by that."""
    headers = ACCEPT | {"MCP-Protocol-Version": "2025-11-25", "Authorization": f"Bearer {secret}"}
    for label in ({}, {"Mcp-Session-Id": "x"}):
        for number in range(9):
            cancel = {"method": "notifications/cancelled", "params": {"requestId": number}}
            answer = await served.client.post(
                "/mcp", json={"jsonrpc": "2.0"} | cancel, headers=headers | label
            )
            assert answer.status_code == 202
    assert served.service.rate_limiter.question_limiter.active == 1
