"""LlamaIndex's workflow server: its own client drives it, and its traps are closed."""

from collections.abc import Callable
from typing import Any

from llama_agents.server import WorkflowServer
from starlette.routing import Route
from workflows.events import StartEvent

from alir.server.workflow_runs.routes import PREFIX, RunRoutes

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
QUESTION = {"question": "Where do bees keep their honey?"}


async def test_llamaindex_client_runs_alirs_workflows(
    served: Any, client_of: Callable[..., Any], told: Callable[..., Any]
) -> None:
    await served.hold(served.client, bees=BEES)
    async with client_of(served) as client:
        names = (await client.list_workflows()).workflows
        for name in names:
            schema = await client.get_workflow_schema(name)
            assert schema.start["properties"]["question"]
            assert (await client.get_workflow_events_schema(name)).events
            assert (await client.get_workflow_graph(name)).graph.nodes
        whole = await client.run_workflow("ask", start_event=QUESTION)
        found = await client.run_workflow("search", start_event=StartEvent(**QUESTION, top_k=1))
        begun = await client.run_workflow_nowait(
            "agent",
            start_event=StartEvent(
                question="Where do bees keep their honey, and how many eggs does a queen lay?",
                budget={"calls": 20},
                session="talk",
                steps=True,
            ),
        )
        stream = client.get_workflow_events(begun.handler_id)
        events = [(stream.last_sequence, event) async for event in stream]
        rest = await told(client, begun, events[-2][0])
        ended = await client.wait_for_handler(begun.handler_id)
        listed = (await client.get_handlers()).handlers
        of_agent = (await client.get_handlers(["completed"], ["agent"])).handlers
        failed = (await client.get_handlers(["failed", "running"])).handlers
        result = (await client.httpx_client.get(f"/results/{begun.handler_id}")).json()
        healthy = await client.is_healthy()

    assert names == ["ask", "agent", "search"]
    assert healthy.status == "healthy"
    assert "combs of wax" in whole.result.value["answer"]["text"]
    assert BEES.startswith(whole.result.value["answer"]["citations"][0]["quote"])
    assert BEES.startswith(found.result.value["passages"][0]["text"][:38])
    kinds = [event.value["event"] for _, event in events[:-1]]
    assert {"step", "question_decomposed", "evidence_found", "token"} <= {*kinds}
    tokens = [event.value["data"] for _, event in events[:-1] if event.value["event"] == "token"]
    answer = ended.result.value["answer"]
    assert "".join(token["text"] for token in tokens) == answer["text"]
    assert len(answer["parts"]) == 2
    assert events[-1][1].type == "RunAnswer"
    assert [event.value for event in rest] == [{"answer": answer}]
    assert result["result"] == {"answer": answer}
    assert [one.workflow_name for one in listed] == ["agent", "search", "ask"]
    assert [one.handler_id for one in of_agent] == [begun.handler_id]
    assert failed == []


async def test_the_events_of_a_run_that_has_ended_are_an_empty_answer(
    served: Any, client_of: Callable[..., Any], told: Callable[..., Any]
) -> None:
    await served.hold(served.client, bees=BEES)
    async with client_of(served) as client:
        ended = await client.run_workflow("ask", start_event=QUESTION)
        now = await client.httpx_client.get(f"/events/{ended.handler_id}")
        again = await client.httpx_client.get("/health")  # the connection is whole
        events = await told(client, ended, "now")
        lines = await client.httpx_client.get(
            f"/events/{ended.handler_id}", params={"sse": "false", "after_sequence": -1}
        )

    assert (now.status_code, now.content, again.status_code) == (204, b"", 200)
    assert events == []
    assert '"combs of wax' in lines.text or "combs of wax" in lines.text
    assert lines.headers["content-type"].startswith("application/x-ndjson")


def test_every_route_of_theirs_is_served_and_their_page_is_not() -> None:
    theirs = {
        (method, f"{PREFIX}{route.path}")
        for route in WorkflowServer().app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    ours = {(one.method, one.path) for one in RunRoutes(None).endpoints()}  # type: ignore[arg-type]

    assert ours == theirs


async def test_their_page_and_its_cors_are_not_there(served: Any) -> None:
    page = [await served.client.get(path) for path in (PREFIX, f"{PREFIX}/", f"{PREFIX}/x.js")]
    other = {"Origin": "https://evil.example"}
    refused = await served.client.get(f"{PREFIX}/handlers", headers=other)
    large = await served.client.post(
        f"{PREFIX}/workflows/ask/run", json={"start_event": {"question": "x" * 300_000}}
    )
    ours = await served.client.get(f"{PREFIX}/handlers")

    assert {answer.status_code for answer in page} == {404}
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert large.status_code == 413
    assert ours.headers["content-security-policy"].startswith("default-src 'none'")
