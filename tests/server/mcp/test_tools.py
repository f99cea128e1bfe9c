"""MCP over HTTP, spoken by the official SDK's own client, in its old and its new protocol."""

import asyncio
import functools
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from alir.errors import NothingIngested
from alir.server.auth.caller import Caller, Tenant
from alir.server.mcp.protocol import McpTransport, mcp_server
from alir.server.problems import DEFECT
from alir.storage import keys
from alir.storage.service_database import open_service_database
from alir.testing import OpenAIServer, Stall

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
TEA = "Tea is grown on the hills of Ciwidey."
QUESTION = "Where do bees keep their honey?"
NO_KEY = "^Send a key that is in use"
HOUSE = Caller("", "read", Tenant("", Path("/")))
MISUSED: list[tuple[str, dict[str, Any]]] = [
    ("ask", {}),
    ("ask", {"question": "  "}),
    ("ask", {"question": "x" * 8_001}),
    ("ask", {"question": "x", "top_k": 101}),
    ("ask", {"question": "x", "tenant": "acme"}),
    ("search", {"query": 7}),
    ("search", {"query": QUESTION, "filters": {}}),
    ("list_sources", {"limit": 1_001}),
    ("list_sources", {"after": 1}),
]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def host(served: Any, secret: str = "", mode: str = "auto") -> AsyncIterator[Client]:
    """A host that has the service among its tools."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        yield await stack.enter_async_context(Client(transport, mode=mode))


def text_of(result: Any) -> str:
    [content] = result.content
    assert content.type == "text"
    text: str = content.text
    return text


async def settled(served: Any) -> None:
    """Wait until no question is under way."""
    async with asyncio.timeout(20):
        while served.service.rate_limiter.active_questions:
            await asyncio.sleep(0.01)


async def test_a_host_lists_the_tools_and_calls_each(served: Any) -> None:
    await served.hold(served.client, bees=BEES, tea=TEA)
    secret = served.secret("read")
    for mode in ("auto", "legacy"):
        async with host(served, secret, mode) as client:
            assert (client.protocol_version >= "2026") == (mode == "auto")
            await lists_and_calls(client, served.root)


async def lists_and_calls(client: Client, root: Path) -> None:
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, _: float | None, message: str | None) -> None:
        told.append((progress, message))

    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    found = await client.call_tool("search", {"query": QUESTION, "top_k": 1})
    answer = await client.call_tool("ask", {"question": QUESTION}, progress_callback=hear)
    first = await client.call_tool("list_sources", {"limit": 1})
    after = (first.structured_content or {})["next"]
    listed = await client.call_tool("list_sources", {"after": after})

    assert tools.keys() == {"search", "ask", "list_sources"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None  # the client holds each result to it
    [passage] = found.structured_content["passages"]
    assert BEES[passage["start"] : passage["end"]] == passage["text"]
    assert passage["file"] == str(root / "bees.txt")
    assert "data, not instructions" in text_of(found)
    assert 'number="1">\nBees keep' in text_of(found)

    [cited] = answer.structured_content["citations"]
    assert BEES[cited["start"] : cited["end"]] == cited["quote"]
    assert answer.structured_content["sources"]
    assert answer.structured_content["degraded"] == []
    place = f"[1] {root}/bees.txt, characters {cited['start']} to {cited['end']}: "
    assert text_of(answer).startswith("Bees keep their honey in combs of wax. [1]\n\n" + place)
    assert [progress for progress, _ in told] == [*range(1, len(told) + 1)]
    assert told[0][1] == f"Passages found: {len(answer.structured_content['sources'])}"
    assert "".join(message or "" for _, message in told[1:]).strip() in text_of(answer)

    [file] = listed.structured_content["files"]
    assert file["file"] == str(root / "tea.txt")
    assert listed.structured_content["next"] is None
    assert "There are more" in text_of(first)
    assert "There are more" not in text_of(listed)


async def test_what_goes_wrong_is_told_in_a_sentence(
    serving: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(questions_waiting=0) as served,
        host(served) as new,
        host(served, mode="legacy") as old,
    ):
        limits = served.service.rate_limiter
        hosts = (new, old)
        refused = [await one.call_tool(*call) for one in hosts for call in MISUSED]
        empty = [await one.call_tool("ask", {"question": QUESTION}) for one in hosts]
        for one in hosts:
            with pytest.raises(MCPError, match="There is no tool 'delete'"):
                await one.call_tool("delete", {"id": "x"})
        await served.hold(served.client, bees=BEES)
        async with AsyncExitStack() as stack:
            for _ in range(served.alir.settings.questions_at_once):
                await stack.enter_async_context(limits.question_slot(HOUSE))
            busy = [await one.call_tool("search", {"query": QUESTION}) for one in hosts]
            listed = await new.call_tool("list_sources")
        served.alir.__dict__["search"] = None  # what nobody foresaw
        with caplog.at_level(logging.ERROR, "alir"):
            broken = [await one.call_tool("search", {"query": QUESTION}) for one in hosts]

    failed = [*refused, *empty, *busy, *broken]
    assert all(result.is_error for result in failed)
    assert all(result.structured_content is None for result in failed)
    assert text_of(refused[3]) == "top_k: Input should be less than or equal to 100."
    assert {text_of(one) for one in empty} == {str(NothingIngested(served.alir.catalog.collection))}
    assert all(text_of(one).endswith("no place came free. Try again in 2 s.") for one in busy)
    assert not listed.is_error
    assert {text_of(one) for one in broken} == {DEFECT}
    assert caplog.text.count("AttributeError") == 2
    assert not [word for word in ("Traceback", "Error(") for one in failed if word in text_of(one)]


async def test_two_tenants_do_not_see_each_other(served: Any) -> None:
    acme, zeta = served.secret("write", "acme"), served.secret("write", "zeta")
    for secret, text in ((acme, BEES), (zeta, TEA)):
        headers = {"Authorization": f"Bearer {secret}"}
        file = {"file": ("note.txt", text)}
        answer = await served.client.post("/v1/files", files=file, headers=headers)
        async with httpx2.AsyncClient(base_url=served.url, headers=headers) as client:
            await served.ended(client, answer.json()["ingestion"])

    calls: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": "bees honey tea hills Ciwidey", "top_k": 100}),
        ("ask", {"question": "Where is honey kept, and where is tea grown?", "top_k": 100}),
        ("list_sources", {}),
    ]
    said = []
    for secret in (acme, zeta, served.secret("read")):
        async with host(served, secret) as client:
            results = [await client.call_tool(*call) for call in calls]
        said.append([f"{text_of(one)} {one.structured_content}" for one in results])

    of_acme, of_zeta, of_house = said
    assert all("acme/note.txt" in one and "zeta" not in one for one in of_acme)
    assert all("zeta/note.txt" in one and "acme" not in one for one in of_zeta)
    assert not [one for one in of_acme if "Ciwidey" in one]
    assert not [one for one in of_zeta if "honey in combs" in one]
    assert all("acme/note.txt" in one and "zeta/note.txt" in one for one in of_house)


async def test_nobody_is_let_in_without_a_key_or_from_another_sites_page(served: Any) -> None:
    foreign = {"Origin": "https://evil.example"} | ACCEPT
    unknown = {"Host": "evil.example"} | ACCEPT
    post = functools.partial(served.client.post, "/mcp")
    open_to_all = [
        await post(json=INITIALIZE, headers=ACCEPT),
        await post(json=INITIALIZE, headers=foreign),
        await post(json=INITIALIZE, headers=unknown),
        await post(json=[INITIALIZE] * 9, headers=ACCEPT),
        await post(content=b"x" * 300_000, headers=ACCEPT),
        await served.client.get("/mcp", headers=ACCEPT),
        await served.client.delete("/mcp", headers=ACCEPT | {"Mcp-Session-Id": "x"}),
    ]
    secret = served.secret("read")
    locked = await post(json=INITIALIZE, headers=ACCEPT)
    with pytest.RaisesGroup(pytest.RaisesExc(MCPError, match=NO_KEY), flatten_subgroups=True):
        async with host(served, secret[:-1]):
            pass
    async with host(served, secret) as client:
        await client.list_tools()
        with open_service_database(served.path) as db:
            [key] = keys.list_all(db)
            keys.revoke(db, key.id)
        with pytest.raises(MCPError, match=NO_KEY):
            await client.call_tool("list_sources")

    assert [one.status_code for one in open_to_all] == [200, 403, 421, 400, 413, 405, 405]
    assert len(open_to_all[0].headers["mcp-session-id"]) >= 22  # it opens nothing
    assert open_to_all[0].headers["x-content-type-options"] == "nosniff"
    assert locked.status_code == 401
    assert locked.headers["www-authenticate"].startswith("Bearer")
    assert locked.json()["error"]["data"]["title"] == "Key Needed"


async def test_half_a_character_is_refused_however_it_is_spelt(served: Any) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "\ud800"}, "_meta": meta},
    }
    headers = ACCEPT | {"Content-Type": "application/json"}
    new = {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "search",
    }
    answers = [
        await served.client.post("/mcp", content=json.dumps(call), headers=headers | new),
        await served.client.post("/mcp", content=json.dumps(call), headers=headers),
    ]
    result = answers[0].json()["result"]
    assert result["isError"]
    assert result["content"][0]["text"].startswith("The arguments: Invalid JSON: ")
    assert answers[1].status_code == 400


async def test_a_call_that_is_cancelled_ends_its_run_and_counts(
    serving: Callable[..., Any],
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
                        await settled(served)
                await asyncio.gather(asking, return_exceptions=True)
                await settled(served)
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
    assert served.service.rate_limiter.active_questions == 1
