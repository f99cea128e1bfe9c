"""What headers say of where a request comes from, and what an answer's tell a browser."""

from collections.abc import Callable
from typing import Any

from alir.server.middleware.headers import SAFE

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
        *("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "[::1]", "known.example"),
    ]
    unknown = [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "0.0.0.0"),  # noqa: S104
        *("known.example.", "xknown.example", "[::2]", "localhost.", "127.0.0.1.", "127.1"),
    ]
    malformed = [
        *("localhost:80@evil.example", "evil.example:80@localhost", "localhost@evil.example", ""),
        *("[::1", "::1", "[::1]x", "[::1]:80:80", "localhost:", "localhost:x", "localhost:800000"),
        *(
            "localhost:1/v1",
            "localhost/",
            "localhost?",
            "localhost#a",
            "localhost:1#",
            "a b",
            "a,b",
        ),
        *("localhost:1;a", "localhost\\@evil", "http://localhost", "%6cocalhost", "localhost:-1"),
        *("localhost:1, evil.example", "[localhost]", "[127.0.0.1]:x", "lo\tcalhost"),
    ]
    async with serving(allowed_hosts="known.example") as served:
        statuses = {
            host: (await served.client.get("/v1/sources", headers={"Host": host})).status_code
            for host in (*known, *unknown, *malformed)
        }

    assert statuses == dict.fromkeys(known, 200) | dict.fromkeys(unknown, 421) | dict.fromkeys(
        malformed, 400
    )


async def test_what_a_proxy_might_say_changes_nothing(served: Any) -> None:
    said = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=10.0.0.1;host=localhost;proto=https",
        "X-Original-URL": "/health/live",
        "X-HTTP-Method-Override": "DELETE",
    }
    believed = await served.client.get("/v1/sources", headers=said | {"Host": "evil.example"})
    plain = await served.client.get("/v1/sources", headers=said)

    assert believed.status_code == 421
    assert plain.json() == {"files": [], "failed": [], "next": None}


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


async def test_a_named_origin_may_send_what_its_clients_add_and_read_what_they_need(
    serving: Callable[..., Any],
) -> None:
    sent = "authorization, content-type, x-stainless-os, x-stainless-retry-count, traceparent"
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": sent,
        "Access-Control-Request-Private-Network": "true",
    }
    chat = "/v1/chat/completions"
    async with serving(cors_origins=PAGE) as served:
        preflight = await served.client.options(chat, headers=asked | {"Origin": PAGE})
        refused = await served.client.options(chat, headers=asked | {"Origin": "https://b.example"})
        answer = await served.client.get("/v1/models", headers={"Origin": PAGE})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-headers"] == sent
    assert preflight.headers["access-control-allow-private-network"] == "true"
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"x-request-id", "retry-after"} <= {*exposed}


async def test_without_the_setting_no_origin_is_named(served: Any) -> None:
    answer = await served.client.get("/v1/sources", headers={"Origin": served.url})

    assert not [name for name in answer.headers if name.startswith("access-control")]
