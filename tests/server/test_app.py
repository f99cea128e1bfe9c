"""The service as a whole: what every request goes through, and how it begins and ends."""

from typing import Any


async def test_a_request_without_a_key_learns_nothing_but_that_it_needs_one(served: Any) -> None:
    served.secret()
    paths = ["/", "/v1/sources", "/nope", "/docs", "/openapi.json", "/mcp", "/metrics"]
    answers = [await served.client.get(path) for path in paths]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["title"] for answer in answers if "title" in answer.json()} == {
        "Key Needed"
    }
    assert all("x-request-id" in answer.headers for answer in answers)
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)
