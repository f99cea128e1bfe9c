"""The OpenAPI file: valid, of every route, and true of what they answer."""

import re
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

TEXT = "The island of Komodo has dragons."


async def described(served: Any) -> dict[str, Any]:
    description: dict[str, Any] = (await served.client.get("/openapi.json")).json()
    return description


async def test_the_file_is_openapi(served: Any) -> None:
    OpenAPIV31SpecValidator(await described(served)).validate()


async def test_every_route_is_described_with_what_it_needs(served: Any) -> None:
    paths = (await described(served))["paths"]

    for one in served.service.endpoints:
        operation = paths[one.path][one.method.lower()]
        assert operation["summary"]
        assert operation["description"]
        assert (operation["security"] == []) == (one.scope == "open")
        named = [*re.findall(r"{(\w+)}", one.path), *(one.query.model_fields if one.query else ())]
        assert [name["name"] for name in operation.get("parameters", [])] == named
        assert {"421", "500"} <= operation["responses"].keys()
    routes = {route.path for route in served.service.routes}
    undescribed = routes - paths.keys()
    assert {path for path in undescribed if not path.startswith("/page/")} == {
        "/",
        "/docs",
        "/mcp",  # a protocol of its own
        "/openapi.json",
    }


async def test_what_is_answered_is_what_the_file_says(served: Any) -> None:
    description = await described(served)
    upload = await served.client.post("/v1/files", files=[("file", ("komodo.txt", TEXT))])
    ingestion = upload.json()["ingestion"]["id"]
    await served.ended(served.client, upload.json()["ingestion"])
    source = upload.json()["files"][0]["source"]
    first = await served.client.post(
        "/v1/agent", json={"question": "What has dragons?", "session": "talk"}
    )
    answer_id = first.json()["id"]
    found = {"start_event": {"question": "What has dragons?"}}
    run = await served.client.post("/workflows/workflows/search/run", json=found)
    run_id = run.json()["handler_id"]
    chosen = {"event": {"type": "MeaningChosen", "value": {"meaning": "x"}}}
    asked_for = {"role": "user", "content": "What has dragons?"}
    asked = [
        ("POST", "/v1/ask", "", {"json": {"question": "What has dragons?"}}),
        ("POST", "/v1/ask", "", {"json": {"question": ""}}),
        ("POST", "/v1/ask", "", {"content": b"{", "headers": {"Content-Type": "text/plain"}}),
        ("POST", "/v1/agent", "", {"json": {"question": "What has dragons, and where are they?"}}),
        ("POST", "/v1/agent", "", {"json": {"question": "x", "session": "a/b"}}),
        ("POST", "/v1/agent", "", {"json": {"question": "x", "may_ask": True}}),
        ("POST", "/v1/agent/{id}/meaning", "x", {"json": {"meaning": "y"}}),
        ("GET", "/v1/sessions", "", {}),
        ("GET", "/v1/sessions", "", {"params": {"limit": 0}}),
        ("GET", "/v1/sessions/{name}", "talk", {}),
        ("DELETE", "/v1/sessions/{name}", "talk", {}),
        ("POST", "/v1/answers/{id}/feedback", "x", {"json": {"rating": "up"}}),
        ("POST", "/v1/answers/{id}/feedback", answer_id, {"json": {"rating": "up"}}),
        ("GET", "/v1/feedback", "", {}),
        ("DELETE", "/v1/feedback/{id}", answer_id, {}),
        ("POST", "/v1/chat/completions", "", {"json": {"model": "alir", "messages": [asked_for]}}),
        ("POST", "/v1/chat/completions", "", {"json": {"model": "x", "messages": [asked_for]}}),
        ("POST", "/v1/chat/completions", "", {"json": {"model": "alir"}}),
        ("POST", "/v1/embeddings", "", {"json": {"model": "alir-embedding", "input": "dragons"}}),
        ("POST", "/v1/embeddings", "", {"json": {"model": "alir-embedding", "input": [1]}}),
        ("GET", "/v1/models", "", {}),
        ("GET", "/v1/models/{id}", "alir", {}),
        ("GET", "/v1/models/{id}", "x", {}),
        ("GET", "/v1/sources", "", {}),
        ("GET", "/v1/sources/{id}", source, {}),
        ("GET", "/v1/sources/{id}", "x", {}),
        ("GET", "/v1/sources/{id}/text", source, {}),
        ("POST", "/v1/sources/{id}/retry", source, {}),
        ("POST", "/v1/ingestions", "", {"json": {"paths": ["."]}}),
        ("POST", "/v1/ingestions", "", {"json": {"paths": ["../x"]}}),
        ("GET", "/v1/ingestions/{id}", ingestion, {}),
        ("DELETE", "/v1/ingestions/{id}", ingestion, {}),
        ("POST", "/v1/files", "", {"files": [("file", ("a.exe", "x"))]}),
        ("POST", "/v1/files", "", {"files": [("file", ("b.txt", "x"))]}),
        ("DELETE", "/v1/sources/{id}", source, {}),
        ("GET", "/workflows/health", "", {}),
        ("GET", "/workflows/workflows", "", {}),
        ("GET", "/workflows/workflows/{name}/schema", "agent", {}),
        ("GET", "/workflows/workflows/{name}/events", "ask", {}),
        ("GET", "/workflows/workflows/{name}/representation", "ask", {}),
        ("GET", "/workflows/workflows/{name}/schema", "x", {}),
        ("POST", "/workflows/workflows/{name}/run", "ask", {"json": found}),
        ("POST", "/workflows/workflows/{name}/run", "ask", {"json": {}}),
        ("POST", "/workflows/workflows/{name}/run-nowait", "search", {"json": found}),
        ("POST", "/workflows/workflows/{name}/run-nowait", "x", {"json": found}),
        ("GET", "/workflows/handlers", "", {}),
        ("GET", "/workflows/handlers/{handler_id}", run_id, {}),
        ("GET", "/workflows/handlers/{handler_id}", "x", {}),
        ("GET", "/workflows/results/{handler_id}", run_id, {}),
        ("GET", "/workflows/events/{handler_id}", run_id, {}),
        ("GET", "/workflows/events/{handler_id}", run_id, {"params": {"after_sequence": "x"}}),
        ("POST", "/workflows/events/{handler_id}", run_id, {"json": chosen}),
        ("POST", "/workflows/handlers/{handler_id}/cancel", run_id, {"params": {"purge": "true"}}),
        ("POST", "/workflows/handlers/{handler_id}/cancel", run_id, {}),
        ("GET", "/health/live", "", {}),
        ("GET", "/health/ready", "", {}),
        ("GET", "/metrics", "", {}),
        ("GET", "/metrics", "", {"headers": {"Accept": "application/openmetrics-text"}}),
    ]
    assert {(method, path) for method, path, _, _ in asked} == {
        (one.method, one.path) for one in served.service.endpoints
    }

    for method, path, id_, body in asked:
        answer = await served.client.request(method, re.sub(r"{\w+}", id_, path), **body)
        documented = description["paths"][path][method.lower()]["responses"]
        kind = answer.headers.get("content-type", "").partition(";")[0]
        where = f"{method} {path} {answer.status_code} {kind}"
        assert str(answer.status_code) in documented, where
        content = documented[str(answer.status_code)].get("content", {"": {}})
        assert kind in content, where
        if kind.endswith("json"):
            schema = content[kind]["schema"] | {"components": description["components"]}
            Draft202012Validator(schema).validate(answer.json())
