"""What headers say of where a request comes from, and what an answer's tell a browser."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alir.server.middleware.headers import SAFE
from alir.server.telemetry.logs import JsonFormatter

PAGE = "https://page.example"


async def test_every_answer_makes_a_browser_careful(served: Any) -> None:
    paths = ["/health/live", "/v1/sources", "/openapi.json", "/nope", "/v1/sources/x"]
    answers = [await served.client.get(path) for path in paths]
    answers.append(await served.client.get("/v1/sources", headers={"Host": "evil.example"}))
    answers.append(await served.client.post("/v1/ask", content=b"{"))
    served.secret()
    answers.append(await served.client.get("/v1/sources"))

    assert {answer.status_code for answer in answers} >= {200, 401, 404, 415, 421}
    for answer in answers:
        assert SAFE.items() <= {name: answer.headers.get(name) for name in SAFE}.items()


async def test_a_name_that_leads_here_unasked_is_refused(serving: Callable[..., Any]) -> None:
    known = [
        *("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "known.example"),
        "localhost:80@evil.example",  # the name is what is before the port
    ]
    unknown = [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "0.0.0.0"),  # noqa: S104
        *("evil.example:80@localhost", "", "[::1", "known.example.", "xknown.example"),
    ]
    async with serving(allowed_hosts="known.example") as served:
        statuses = {
            host: (await served.client.get("/v1/sources", headers={"Host": host})).status_code
            for host in (*known, *unknown)
        }

    assert statuses == dict.fromkeys(known, 200) | dict.fromkeys(unknown, 421)


async def test_another_sites_page_does_nothing_here(served: Any) -> None:
    ours = [
        {},
        {"Origin": served.url},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ]
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    theirs = [
        *({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}),
        *({"Origin": "http://127.0.0.1:1"}, {"Origin": f"{served.url}.evil.example"}),
        *({"Origin": f"{served.url}@evil.example"}, {"Origin": "file://"}),
        *({"Origin": "https://[evil"}, {"Origin": f"{served.url}", "Host": "localhost"}),
        *({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}),
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ]
    upload = {"files": [("file", ("a.txt", "A text."))]}
    for headers in (*theirs, followed):
        answer = await served.client.get("/v1/sources", headers=headers)
        assert answer.status_code == (200 if headers is followed else 403), headers
        # A form is what a page of any site may send without asking.
        written = await served.client.post("/v1/files", headers=headers, **upload)
        assert written.status_code == 403, headers
    assert list(served.root.iterdir()) == []
    for headers in ours:
        assert (await served.client.get("/v1/sources", headers=headers)).status_code == 200
        assert (await served.client.post("/v1/files", headers=headers, **upload)).status_code == 202


async def test_a_page_of_an_origin_that_was_named_may_use_the_service(
    serving: Callable[..., Any],
) -> None:
    async with serving(cors_origins=f"{PAGE},https://second.example") as served:
        asked = {"Access-Control-Request-Method": "POST", "Origin": PAGE}
        preflight = await served.client.options("/v1/ask", headers=asked)
        refused = await served.client.options("/v1/ask", headers=asked | {"Origin": f"{PAGE}.evil"})
        answer = await served.client.get("/v1/sources", headers={"Origin": PAGE})
        served.secret()
        locked = await served.client.get("/v1/sources", headers={"Origin": PAGE})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in preflight.headers
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert (locked.status_code, locked.headers["access-control-allow-origin"]) == (401, PAGE)


async def test_without_the_setting_no_origin_is_named(served: Any) -> None:
    answer = await served.client.get("/v1/sources", headers={"Origin": served.url})

    assert not [name for name in answer.headers if name.startswith("access-control")]


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


def test_no_line_of_the_log_has_a_secret_of_the_settings() -> None:
    lines = JsonFormatter(["hunter2", "hunter2hunter2", "level", 'quo"te', ""])
    logger = logging.getLogger("a")
    error = RuntimeError("Refused: hunter2, http://root:Milvus@inner.example:19530/x")
    info = (RuntimeError, error, None)
    request = {"path": "/hunter2hunter2"}
    record = logger.makeRecord(
        "a", logging.ERROR, "f", 1, '%s and quo"te', ("hunter2",), info, extra={"request": request}
    )
    line = json.loads(lines.format(record))

    assert line["level"] == "error"
    assert line["message"] == "[redacted] and [redacted]"
    assert line["path"] == "/[redacted]"
    assert "http://[redacted]@inner.example:19530/x" in line["exception"]
    assert "hunter" not in str(line)


async def test_a_defect_is_logged_and_tells_the_client_nothing(
    served: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with_defect = httpx.AsyncClient(base_url=served.url)

    class Broken:
        async def failures(self) -> None:
            raise RuntimeError("the inner secret")

        async def aclose(self) -> None: ...

    whole = served.alir.ledger
    served.alir.__dict__["ledger"] = Broken()
    answer = await with_defect.get("/v1/sources")
    served.alir.__dict__["ledger"] = whole
    await with_defect.aclose()

    assert answer.status_code == 500
    assert "inner secret" not in answer.text
    assert answer.json()["title"] == "Internal Error"
    assert answer.headers["x-request-id"]
    assert "the inner secret" in caplog.text
