"""What headers say of where a request comes from, and what an answer's tell a browser."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alir.server.headers import SAFE
from alir.server.logs import JsonLines

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


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("known.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8000", 421),
        ("localhost:80@evil.example", 200),  # the name is what is before the port
        ("evil.example:80@localhost", 421),
        ("0.0.0.0", 421),  # noqa: S104
        ("", 421),
        ("[::1", 421),
    ],
)
async def test_a_name_that_leads_here_unasked_is_refused(
    serving: Callable[..., Any], host: str, status: int
) -> None:
    async with serving(allowed_hosts="known.example") as served:
        answer = await served.client.get("/v1/sources", headers={"Host": host})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{url}"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "{url}.evil.example"}, 403),
        ({"Origin": "{url}@evil.example"}, 403),
        ({"Origin": "file://"}, 403),
        ({"Origin": "https://[evil"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ],
)
async def test_another_sites_page_does_nothing_here(
    served: Any, headers: dict[str, str], status: int
) -> None:
    given = {name: value.format(url=served.url) for name, value in headers.items()}
    answer = await served.client.get("/v1/sources", headers=given)
    upload = await served.client.post(
        "/v1/files", headers=given, files=[("file", ("a.txt", "A text."))]
    )

    assert answer.status_code == status
    is_let_in = status == 200 and "Sec-Fetch-Mode" not in headers
    assert upload.status_code == (202 if is_let_in else 403)
    assert (served.root / "a.txt").exists() == is_let_in


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


@pytest.mark.parametrize("given", ["abc", "a.b-c_D9", "x" * 64])
async def test_a_well_formed_request_id_comes_back(served: Any, given: str) -> None:
    answer = await served.client.get("/nope", headers={"X-Request-ID": given})

    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "-a", "é", '{"a":1}'])
async def test_any_other_request_id_is_replaced(served: Any, given: str) -> None:
    answer = await served.client.get("/nope", headers=[(b"X-Request-ID", given.encode())])

    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


async def test_a_request_is_one_line_of_the_log_whatever_its_path(
    served: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alir.requests")
    client = await served.caller("read", "acme")
    secret = client.headers["authorization"].split()[1]
    hostile = "/v1/%0a%7B%22level%22%3A%22error%22%7D%0d%1b%5B2J%E2%80%AE?secret=hunter2"
    await client.get(hostile, headers={"X-Request-ID": "mine"})
    await client.get(f"/v1/{secret}")

    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert all(line.isascii() and line.isprintable() for line in lines)
    first = json.loads(lines[0])
    assert first["path"] == '/v1/\n{"level":"error"}\r\x1b[2J\u202e'
    assert (first["status"], first["tenant"], first["method"]) == (404, "acme", "GET")
    assert first["key"] == secret.split("_")[1]
    assert "hunter2" not in "".join(lines)
    assert secret not in "".join(lines)


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
