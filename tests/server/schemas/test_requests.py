"""Bodies that are not what was asked for."""

from typing import Any

ASK = "/v1/ask"


async def test_what_is_of_another_media_type_is_refused(served: Any) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
        headers = {"Content-Type": kind}
        answer = await served.client.post(ASK, content=b'{"question": "a"}', headers=headers)
        assert answer.status_code == 415, kind
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_refused_body_is_told_where_it_is_wrong(served: Any) -> None:
    wrong = {"question": "a", "top_k": 0, "tenant": "acme"}
    problem = (await served.client.post(ASK, json=wrong)).json()

    assert (problem["status"], problem["title"]) == (422, "Invalid Body")
    assert {one["at"] for one in problem["errors"]} == {"/top_k", "/tenant"}
    assert problem["detail"].startswith(problem["errors"][0]["at"])
