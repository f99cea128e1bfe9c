"""MCP over HTTP: keys, origins and bodies."""

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp import MCPError

from alir.storage import keys
from alir.storage.service_database import open_service_database

NO_KEY = "^Send a key that is in use"


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


async def test_nobody_is_let_in_without_a_key_or_from_another_sites_page(
    served: Any, host: Callable[..., Any]
) -> None:
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
