"""LlamaIndex's workflow server: its own client drives it, and its traps are closed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from llama_agents.client import WorkflowClient
from llama_agents.client.protocol import HandlerData
from llama_agents.server import WorkflowServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from workflows import Context, step
from workflows.events import StartEvent, StopEvent

from alir.events.agent import MeaningChosen
from alir.server.routes.meanings import MeaningRoutes
from alir.server.workflow_runs.owner import RunOwner
from alir.server.workflow_runs.routes import PREFIX, RunRoutes
from alir.server.workflow_runs.server import WorkflowRunServer
from alir.server.workflow_runs.workflows import ServedWorkflow
from alir.testing import OpenAIServer, Reply, Say, Stall

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
QUESTION = {"question": "Where do bees keep their honey?"}


@asynccontextmanager
async def client_of(
    served: Any, who: httpx.AsyncClient | None = None
) -> AsyncIterator[WorkflowClient]:
    """LlamaIndex's client, with the key of `who`."""
    headers = {"Authorization": who.headers["authorization"]} if who else {}
    async with httpx.AsyncClient(
        base_url=f"{served.url}{PREFIX}", headers=headers, timeout=30
    ) as http:
        yield WorkflowClient(httpx_client=http)


async def told(client: WorkflowClient, run: HandlerData, after: Any = -1) -> list[Any]:
    return [event async for event in client.get_workflow_events(run.handler_id, False, after)]


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_llamaindex_client_runs_alirs_workflows(served: Any) -> None:
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


async def test_the_events_of_a_run_that_has_ended_are_an_empty_answer(served: Any) -> None:
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


async def test_a_run_that_fails_says_why_and_nothing_else(served: Any) -> None:
    async with client_of(served) as client:
        with pytest.raises(httpx.HTTPStatusError, match="409 Conflict"):
            await client.run_workflow("ask", start_event=QUESTION)
        begun = await client.run_workflow_nowait("ask", start_event=QUESTION)
        events = await told(client, begun)
        ended = await client.wait_for_handler(begun.handler_id)
        of_v1 = (await served.client.post("/v1/ask", json=QUESTION)).json()

    assert ended.status == "failed"
    assert ended.error == of_v1["detail"]
    assert events[0].value == {"event": "problem", "data": of_v1}
    assert events[-1].type == "WorkflowFailedEvent"
    assert events[-1].value["exception"]["exception_message"] == of_v1["detail"]
    assert not [event for event in events if "Traceback" in event.model_dump_json()]


BEGIN_NOTHING: list[Any] = [
    {"start_event": {}},
    {"start_event": {"question": " "}},
    {"start_event": {**QUESTION, "tenant": "zeta"}},
    {"start_event": {**QUESTION, "filters": None}},
    {"start_event": {"type": "AskQuestion", "value": {**QUESTION, "filters": {}}}},
    {"start_event": {"_data": {**QUESTION, "top_k": 0}}},
    {"start_event": QUESTION, "context": {"state": {}}},
    {"start_event": QUESTION, "handler_id": "mine"},
    {"start_event": "{}"},
    {},
]


async def test_what_begins_no_run_is_refused(served: Any) -> None:
    for body in BEGIN_NOTHING:
        refused = await served.client.post(f"{PREFIX}/workflows/ask/run-nowait", json=body)
        assert refused.status_code == 422, body
        assert refused.json()["errors"]
    listed = (await served.client.get(f"{PREFIX}/handlers")).json()

    assert listed == {"handlers": []}


async def test_a_run_is_cancelled_and_forgotten(serving: Callable[..., Any]) -> None:
    with OpenAIServer(Stall(120)) as model:
        async with serving(llm_base_url=model.base_url) as served, client_of(served) as client:
            await served.hold(served.client, bees=BEES)
            waiting = asyncio.create_task(client.run_workflow("ask", start_event=QUESTION))
            await until(lambda: model.requests)
            [run] = (await client.get_handlers(["running"])).handlers
            look = await client.httpx_client.get(f"/handlers/{run.handler_id}")
            nothing = await client.httpx_client.post(
                f"/events/{run.handler_id}",
                json={"event": {"type": "MeaningChosen", "value": {"meaning": "x"}}},
            )
            stolen = [
                await client.httpx_client.post(
                    f"/events/{run.handler_id}", json={"event": {"type": kind, "value": value}}
                )
                for kind, value in (("AskQuestion", QUESTION), ("RunAnswer", {"answer": {}}))
            ]
            cancelled = await client.cancel_handler(run.handler_id)
            with pytest.raises(httpx.HTTPStatusError, match="409 Conflict"):
                await waiting
            after = await client.get_handler(run.handler_id)
            events = await told(client, run)
            await until(lambda: not served.service.rate_limiter.active_questions)
            purged = await client.cancel_handler(run.handler_id, purge=True)
            gone = await client.httpx_client.get(f"/handlers/{run.handler_id}")

    assert look.status_code == 202
    assert nothing.status_code == 409
    assert [one.status_code for one in stolen] == [422, 422]
    assert cancelled.status == "cancelled"
    assert after.status == "cancelled"
    assert events[-1].type == "WorkflowCancelledEvent"
    assert purged.status == "deleted"
    assert gone.status_code == 404


async def test_a_run_has_a_place_until_it_ends_and_costs_its_key(
    serving: Callable[..., Any],
) -> None:
    replies: list[Reply] = [Stall(120), Say("In combs of wax [1].")]
    with OpenAIServer(lambda _: replies.pop(0)) as model:
        async with serving(
            llm_base_url=model.base_url,
            questions_at_once=1,
            questions_waiting=0,
            tokens_per_day=200,
        ) as served:
            who = await served.caller("write", "acme")
            await served.hold(who, bees=BEES)
            async with client_of(served, who) as client:
                begun = await client.run_workflow_nowait("ask", start_event=QUESTION)
                path = f"{PREFIX}/workflows/search/run"
                busy = await who.post(path, json={"start_event": QUESTION})
                await until(lambda: model.requests)
                await client.cancel_handler(begun.handler_id)
                await until(lambda: not served.service.rate_limiter.active_questions)
                answer = await client.run_workflow("ask", start_event=QUESTION)
                await until(lambda: not served.service.rate_limiter.active_questions)
                spent = await who.post(path, json={"start_event": QUESTION})

    assert [one.status_code for one in (busy, spent)] == [429, 429]
    assert [one.json()["title"] for one in (busy, spent)] == ["Busy", "Budget Spent"]
    assert busy.headers["retry-after"]
    assert answer.status == "completed"


async def test_the_agent_asks_back_and_is_answered(serving: Callable[..., Any]) -> None:
    meanings = "Where do bees keep their honey?\nHow many eggs does the queen bee lay?"

    def doubting(request: dict[str, Any]) -> Reply:
        asks = request["messages"][0]["content"].startswith("Somebody asks a question.")
        return Say(meanings if asks else "")

    with OpenAIServer(doubting) as model:
        async with serving(llm_base_url=model.base_url) as served, client_of(served) as client:
            await served.hold(served.client, bees=BEES)
            begun = await client.run_workflow_nowait(
                "agent", start_event={"question": "Which?", "may_ask": True}
            )
            async for event in client.get_workflow_events(begun.handler_id):
                if event.value.get("event") == "meaning_asked":
                    asked = event.value["data"]["meanings"]
                    await client.send_event(begun.handler_id, MeaningChosen(meaning=asked[1]))
            ended = await client.get_handler(begun.handler_id)

    assert asked == meanings.split("\n")
    assert ended.result is not None
    assert ended.result.value["answer"]["question"] == asked[1]


async def test_a_service_that_stops_leaves_its_runs_for_the_next_start(
    serving: Callable[..., Any],
) -> None:
    stalls: list[Reply] = [Stall(120)] * 2
    of_agent = {**QUESTION, "budget": {"calls": 9}, "session": "talk", "top_k": 1}
    with OpenAIServer(lambda _: stalls.pop() if stalls else Say("In combs of wax [1].")) as model:
        async with serving(llm_base_url=model.base_url) as served:
            who = await served.caller("write", "acme")
            await served.hold(who, bees=BEES)
            async with client_of(served, who) as client:
                begun = await client.run_workflow_nowait("ask", start_event=QUESTION)
                agent = await client.run_workflow_nowait("agent", start_event=of_agent)
                await until(lambda: len(model.requests) == 2)
        async with (
            serving(llm_base_url=model.base_url, tokens_per_day=10) as served,
            client_of(served, who) as client,
        ):
            events = await told(client, begun)
            ended = await client.get_handler(begun.handler_id)
            agents = await client.wait_for_handler(agent.handler_id, poll_interval=0.05)
            await until(lambda: not served.service.rate_limiter.active_questions)
            spent = await client.httpx_client.post(
                "/workflows/search/run", json={"start_event": QUESTION}
            )

    assert (ended.status, agents.status) == ("completed", "completed")
    assert len(agents.result.value["answer"]["sources"]) == 1  # type: ignore[union-attr]
    assert events[-1].value == ended.result.value  # type: ignore[union-attr]
    # It is its tenant's, and its key pays for it, after the restart too.
    assert [one["file"] for one in ended.result.value["answer"]["sources"]] == [  # type: ignore[union-attr]
        str(served.root / "acme/bees.txt")
    ]
    assert spent.status_code == 429


class Begin(StartEvent):
    """Begin."""

    question: str
    how: str


class Unserializable(StopEvent):
    """A result that is no JSON."""

    value: Any


class Unkept(ServedWorkflow):
    """Ends with what cannot be kept, or tells it, or breaks."""

    @step
    async def go(self, ctx: Context, ev: Begin) -> Unserializable:
        async with self.work(ctx) as (_, relay):
            if ev.how == "breaks":
                raise RuntimeError("a secret of the house")
            if ev.how == "tells":
                relay.send("x", {"x": object()})
            return Unserializable(value=object() if ev.how == "gives" else 1)


async def test_a_run_whose_events_cannot_be_kept_comes_to_an_end(served: Any, desk: Path) -> None:
    meanings = MeaningRoutes(wait_s=1, most=1)
    runs = WorkflowRunServer(
        served.alir, served.service.rate_limiter, desk, meanings, {"unkept": Unkept}
    )
    runs._file.path = desk / "other.runs"
    endpoints = RunRoutes(runs).endpoints()

    async def let_in(request: Request) -> Response:
        request.state.caller = RunOwner("", "").caller(desk)
        handler = next(
            one.handler
            for one in endpoints
            if (one.method, one.path) == (request.method, request.scope["route"].path)
        )
        return await handler(request)

    app = Starlette(routes=[Route(one.path, let_in, methods=[one.method]) for one in endpoints])
    await runs.start()
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=f"http://alir{PREFIX}"
        ) as http:
            client = WorkflowClient(httpx_client=http)
            ended, last = {}, {}
            for how in ("gives", "tells", "breaks"):
                start = {"question": "x", "how": how}
                begun = await client.run_workflow_nowait("unkept", start_event=start)
                async with asyncio.timeout(20):
                    last[how] = (await told(client, begun))[-1]
                    ended[how] = await client.get_handler(begun.handler_id)
    finally:
        await runs.stop()

    statuses = {how: one.status for how, one in ended.items()}
    # An event that cannot be kept is lost; a result that cannot be is none.
    assert statuses == {"gives": "failed", "tells": "completed", "breaks": "failed"}
    assert last["gives"].type == last["breaks"].type == "WorkflowFailedEvent"
    assert ended["gives"].error
    assert ended["breaks"].error
    assert "secret" not in ended["breaks"].model_dump_json() + last["breaks"].model_dump_json()


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
