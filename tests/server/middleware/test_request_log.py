"""The log of requests: an id and a line for each."""

import json
import logging
import re
from typing import Any

import pytest

from alir.server.telemetry.logs import JsonFormatter


async def test_a_well_formed_request_id_comes_back_and_any_other_is_replaced(served: Any) -> None:
    for given in ("abc", "a.b-c_D9", "x" * 64):
        answer = await served.client.get("/nope", headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given
    for given in ("", "a b", "x" * 65, "<script>", "-a", "é", '{"a":1}'):
        answer = await served.client.get("/nope", headers=[(b"X-Request-ID", given.encode())])
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"]), given


async def test_a_request_is_one_line_of_the_log_whatever_its_path(
    served: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alir.requests")
    client = await served.caller("read", "acme")
    secret = client.headers["authorization"].split()[1]
    hostile = "/v1/%0a%7B%22level%22%3A%22error%22%7D%0d%1b%5B2J%E2%80%AE?secret=hunter2"
    await client.get(hostile, headers={"X-Request-ID": "mine"})
    await client.get(f"/v1/{secret}")

    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert all(line.isascii() and line.isprintable() for line in lines)
    first = json.loads(lines[0])
    assert first["path"] == '/v1/\n{"level":"error"}\r\x1b[2J\u202e'
    assert (first["status"], first["tenant"], first["method"]) == (404, "acme", "GET")
    assert first["key"] == secret.split("_")[1]
    assert "hunter2" not in "".join(lines)
    assert secret not in "".join(lines)
