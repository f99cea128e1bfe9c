"""Health: what is down and since when, and nothing that is not for everybody."""

import asyncio
from typing import Any

import pytest

from alir.errors import MilvusUnavailable
from alir.server.routes import health
from alir.server.routes.health import HealthRoutes

URI = "http://inner.example:19530"


class Dependency:
    """Is up, or down, or does not answer."""

    def __init__(self) -> None:
        self.state = "up"
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1
        if self.state == "down":
            raise MilvusUnavailable(URI)
        if self.state == "silent":
            await asyncio.Event().wait()


async def asked(one: HealthRoutes) -> tuple[int, dict[str, Any]]:
    import json

    answer = await one.get_readiness(None)  # type: ignore[arg-type]  it does not look at the request
    told: dict[str, Any] = json.loads(bytes(answer.body))
    return answer.status_code, told


async def test_what_is_down_is_said_and_since_when_but_not_where_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "FRESH_S", -1.0)
    monkeypatch.setattr(health, "TIMEOUT_S", 0.05)  # of these alone: a real one may be slow
    milvus, ledger = Dependency(), Dependency()
    looked = HealthRoutes({"milvus": milvus.look, "ledger": ledger.look})
    up = await asked(looked)
    milvus.state = "down"
    down = await asked(looked)
    still = await asked(looked)
    milvus.state = "silent"
    silent = await asked(looked)
    milvus.state = "up"
    again = await asked(looked)

    assert (up[0], up[1]["status"]) == (200, "ready")
    assert (down[0], down[1]["status"]) == (503, "not ready")
    assert down[1]["dependencies"]["milvus"]["problem"] == "Milvus Unavailable"
    assert down[1]["dependencies"]["ledger"] == up[1]["dependencies"]["ledger"]
    assert still[1] == down[1]
    assert (
        silent[1]["dependencies"]["milvus"]["since"] == down[1]["dependencies"]["milvus"]["since"]
    )
    assert "not answered" in silent[1]["dependencies"]["milvus"]["problem"]
    assert again[0] == 200
    assert URI not in str([up, down, still, silent, again])
    assert caplog.text.count(URI) == 1  # when it went, not each time that it was looked at


async def test_many_who_ask_at_once_are_one_look() -> None:
    milvus = Dependency()
    looked = HealthRoutes({"milvus": milvus.look})

    answers = await asyncio.gather(*(asked(looked) for _ in range(20)))

    assert {status for status, _ in answers} == {200}
    assert milvus.looks == 1


async def test_the_service_says_that_it_lives_and_is_ready(served: Any) -> None:
    live = await served.client.get("/health/live")
    ready = await served.client.get("/health/ready")

    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert ready.json()["dependencies"].keys() == {"milvus", "ledger", "keys"}
