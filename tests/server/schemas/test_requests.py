"""Bodies that are not what was asked for."""

import json
from collections.abc import Iterator
from typing import Any

from alir.server.schemas.requests import MAX_ERRORS
from alir.server.workflow_runs.events import AskAgentQuestion, AskQuestion, FindPassages
from alir.server.workflow_runs.schemas import run_request_model

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


def unions(schema: Any, at: str) -> Iterator[str]:
    """Yield where a JSON schema has several kinds of values, and nothing that chooses one."""
    if isinstance(schema, dict):
        kinds = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
        if len(kinds) > 1:
            yield at
        for name, inner in schema.items():
            yield from unions(inner, f"{at}/{name}")
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from unions(inner, f"{at}/{number}")


async def test_no_union_tells_of_kinds_that_a_client_did_not_send(served: Any) -> None:
    """Pydantic tells of each branch of a union, unless a discriminator chooses one."""
    models = {model for one in served.service.endpoints for model in (one.body, one.query) if model}
    models |= {*map(run_request_model, (AskQuestion, AskAgentQuestion, FindPassages))}

    assert len(models) > 10
    found = [at for one in models for at in unions(one.model_json_schema(), one.__name__)]
    assert found == []


async def test_an_error_is_told_by_the_place_in_the_body(served: Any) -> None:
    wrong = {"start_event": {"value": {"question": "a", "budget": {"calls": 0}}}}
    answer = await served.client.post("/workflows/workflows/agent/run", json=wrong)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["at"] == "/start_event/budget/calls"


async def test_of_very_many_wrong_fields_a_few_are_named_and_the_others_counted(
    served: Any,
) -> None:
    body = {"question": "a"} | {f"k{number}": 1 for number in range(20_000)}
    refused = await served.client.post(ASK, json=body)
    query = "&".join(f"k{number}" for number in range(90))
    parameters = await served.client.get(f"/v1/sources?{query}")
    twice = await served.client.get("/v1/sources?" + "&".join(["a=1", "b=1"] * 50))

    for problem in (refused.json(), parameters.json()):
        assert problem["status"] == 422
        assert len(problem["errors"]) == MAX_ERRORS
        assert "more are wrong" in problem["detail"]
    assert [one["at"] for one in twice.json()["errors"]] == ["a", "b"]


async def test_json_that_is_made_to_cost_is_refused_in_the_shape_of_the_path(served: Any) -> None:
    digits, deep = "9" * 100_000, "[" * 50_000
    bodies = [deep, '{"question":' * 10_000, f'{{"question": "a", "top_k": {digits}}}']
    bodies += [f'{{"jsonrpc": "2.0", "id": {digits}, "method": "ping"}}', f'{{"id": {deep}']
    paths = {ASK: "title", "/v1/chat/completions": "error", "/mcp": "error"}
    paths |= {"/v1/embeddings": "error", "/workflows/workflows/ask/run": "title"}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    for path, has in paths.items():
        for body in bodies:
            answer = await served.client.post(path, content=body, headers=headers)
            assert answer.status_code in {400, 422}, (path, body[:40])
            assert has in json.loads(answer.content), (path, body[:40])
