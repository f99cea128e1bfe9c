"""Errors on the way to the routes become answers."""

from typing import Any

import httpx
import pytest


async def test_a_defect_is_logged_and_tells_the_client_nothing(
    served: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with_defect = httpx.AsyncClient(base_url=served.url)

    class Broken:
        async def failed_files(self) -> None:
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
