"""Secrets in addresses, and what only an operator may know: no client reads them, no log."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from alir.server.telemetry.logs import JsonFormatter
from alir.settings import Settings
from alir.storage.ledger import SqliteLedger
from alir.testing import OpenAIServer, Reply
from alir.testing.openai_script import Cut, Fail

PASSWORDS = ("milvus-s3cr3t", "model-s3cr3t", "traces-s3cr3t", "query-t0ken")
QUESTION = {"question": "What divides two kinds of animals?"}
EVENTS = {"Accept": "text/event-stream"}
CHAT = {"model": "alir", "messages": [{"role": "user", "content": QUESTION["question"]}]}
MCP = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "ask", "arguments": QUESTION},
}
ASKED: tuple[tuple[str, Any, dict[str, str]], ...] = (
    ("/v1/ask", QUESTION, {}),
    ("/v1/ask", QUESTION, EVENTS),
    ("/v1/agent", QUESTION, {}),
    ("/v1/agent", QUESTION, EVENTS),
    ("/v1/chat/completions", CHAT, {}),
    ("/v1/chat/completions", CHAT | {"stream": True}, {}),
    ("/mcp", MCP, {"Accept": "application/json, text/event-stream"}),
    ("/workflows/workflows/ask/run", {"start_event": QUESTION}, {}),
    ("/v1/ingestions", {"paths": ["."]}, {}),
)
LOOKED_AT = ("/health/ready", "/v1/sources", "/v1/ingestions", "/v1/sessions", "/metrics")


async def all_told(client: Any) -> str:
    """All that a client is told of by any route that works, or fails, with what lies behind."""
    told = []
    for path, body, headers in ASKED:
        answer = await client.post(path, json=body, headers=headers)
        told.append(f"{path} {answer.status_code} {answer.text}")
    for path in LOOKED_AT:
        answer = await client.get(path)
        told.append(f"{path} {answer.status_code} {answer.text}")
    return "\n".join(told)


def logged(records: list[logging.LogRecord], settings: Settings) -> str:
    """The log as `alir serve` writes it."""
    formatter = JsonFormatter(settings.secrets)
    return "\n".join(formatter.format(one) for one in records)


@pytest.mark.parametrize("is_milvus_there", [True, False])
@pytest.mark.parametrize("reply", [Fail(500), Fail(401), Cut("The strait divides [1]. And")])
async def test_no_client_and_no_log_reads_a_secret_of_an_address(
    serving: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    is_milvus_there: bool,
) -> None:
    caplog.set_level(logging.INFO)
    with OpenAIServer(reply) as model:
        host = model.base_url.removeprefix("http://")
        addresses = {
            "llm_base_url": f"http://ann:model-s3cr3t@{host}",
            "otlp_endpoint": "http://ann:traces-s3cr3t@127.0.0.1:9/?token=query-t0ken",
            "llm_timeout_s": 3,
            "timeout_s": 1,
        }
        if not is_milvus_there:
            addresses["milvus_uri"] = "http://ann:milvus-s3cr3t@127.0.0.1:9/db?token=query-t0ken"
        async with serving(**addresses) as served:
            settings = served.alir.settings
            if is_milvus_there:
                await served.hold(served.client, strait="The strait divides two kinds of animals.")
            operator = await served.caller("admin")
            tenant = await served.caller("write", "ann")
            by_operator, by_tenant = await all_told(operator), await all_told(tenant)

    whole = "\n".join([by_operator, by_tenant, logged(caplog.records, settings), repr(settings)])
    whole += (
        str(settings) + settings.model_dump_json() + json.dumps(settings.model_dump(), default=str)
    )
    assert [one for one in PASSWORDS if one in whole] == []
    # The operator reads where it failed, without the credentials; a tenant does not.
    inner = "127.0.0.1:9/db" if not is_milvus_there else host
    assert inner in logged(caplog.records, settings)
    if not is_milvus_there:
        assert inner in by_operator
    for internal in (host, "127.0.0.1:9", str(settings.ledger_path)):
        assert internal not in by_tenant


async def test_a_waiting_tenant_is_not_told_who_it_waits_for(
    serving: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as served:
        await served.caller("admin")
        tenant = await served.caller("write", "ann")
        (served.root / "ann").mkdir()
        (served.root / "ann" / "a.txt").write_text("The strait is deep.")
        ledger = SqliteLedger(served.alir.ledger.path, served.alir.settings.collection)
        async with ledger.lock("a secret run"):
            told = (await tenant.post("/v1/ingestions", json={"paths": ["."]})).json()
            async with asyncio.timeout(20):
                while not told["waiting"]:
                    await asyncio.sleep(0.01)
                    told = (await tenant.get(f"/v1/ingestions/{told['id']}")).json()
        await served.ended(tenant, told)
        await ledger.aclose()

    assert told["waiting"] == "Another run writes to the index. Wait for it to end."
    assert socket.gethostname() not in json.dumps(told)
