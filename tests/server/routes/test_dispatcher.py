"""A question holds its slot from its request to its answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Scope

from alir.server.auth.caller import Caller, Tenant
from alir.server.routes.dispatcher import EndpointDispatcher
from alir.server.routes.endpoint import Endpoint
from alir.testing import OpenAIServer, Stall

QUESTION = {"question": "What is there?"}


ADMIN = Caller("", "admin", Tenant("", Path("/")))


async def test_one_question_too_many_is_refused_and_the_place_comes_back(
    serving: Callable[..., Any],
) -> None:
    async with serving(questions_at_once=2, questions_waiting=0) as served:
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(served.service.rate_limiter.question_slot(ADMIN))
            busy = await served.client.post("/v1/ask", json=QUESTION)
            listed = await served.client.get("/v1/sources")
        answers = []
        for _ in range(5):
            answers.append(await served.client.post("/v1/ask", json=QUESTION))
            await served.settled()

    assert busy.status_code == 429
    assert busy.json()["title"] == "Busy"
    assert int(busy.headers["retry-after"]) >= 1
    assert listed.status_code == 200
    assert {answer.status_code for answer in answers} == {409}


async def test_a_question_waits_for_a_place_and_is_then_answered(
    serving: Callable[..., Any],
) -> None:
    async with serving(questions_at_once=1) as served:
        async with served.service.rate_limiter.question_slot(ADMIN):
            asking = asyncio.create_task(served.client.post("/v1/ask", json=QUESTION))
            async with asyncio.timeout(20):
                while not served.service.rate_limiter.question_limiter.waiting:
                    await asyncio.sleep(0.01)
        answer = await asking
        await served.settled()

    assert answer.status_code == 409  # nothing was ingested


async def test_a_streamed_question_keeps_its_place_until_its_end(
    serving: Callable[..., Any],
) -> None:
    async with serving(questions_at_once=1) as served:
        await served.hold(served.client, tea="Tea is grown on the hills of Ciwidey.")
        events = {"Accept": "text/event-stream"}
        ask = {"json": {"question": "Where is tea grown?"}, "headers": events}
        async with served.client.stream("POST", "/v1/ask", **ask) as stream:
            places = served.service.rate_limiter.question_limiter.active
            lines = [line async for line in stream.aiter_lines()]
        await served.settled()
        async with served.client.stream("POST", "/v1/ask", **ask) as again:
            status = again.status_code
            await again.aread()
        await served.settled()

    assert places == 1
    assert any(line == "event: answer" for line in lines)
    assert status == 200


async def test_a_question_whose_asker_has_gone_is_ended(serving: Callable[..., Any]) -> None:
    with OpenAIServer(Stall(120)) as model:
        async with serving(llm_base_url=model.base_url) as served:
            await served.hold(served.client, tea="Tea is grown on the hills of Ciwidey.")
            asking = asyncio.create_task(
                served.client.post("/v1/ask", json={"question": "Where is tea grown?"})
            )
            async with asyncio.timeout(20):
                while not model.requests:
                    await asyncio.sleep(0.01)
            before = served.service.rate_limiter.question_limiter.active
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await served.settled()

    assert before == 1


async def test_a_client_that_takes_nothing_holds_a_connection_and_no_slot(
    serving: Callable[..., Any],
) -> None:
    taken: list[str] = []
    takes = asyncio.Event()

    async def streamed() -> AsyncIterator[ServerSentEvent]:
        for number in range(100):
            await asyncio.sleep(0)
            yield ServerSentEvent(str(number))

    async def handler(_: Request) -> Response:
        return EventSourceResponse(streamed())

    body_read = False

    async def receive() -> Message:
        nonlocal body_read
        if body_read:
            await asyncio.Event().wait()
        body_read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        await takes.wait()
        taken.append(message["type"])

    async with serving(questions_at_once=1) as served:
        limiter = served.service.rate_limiter
        endpoint = Endpoint(
            "POST", "/x", handler, "read", "x", "text/event-stream", is_question=True
        )
        dispatch = EndpointDispatcher({"POST": endpoint}, limiter)
        scope: Scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
        scope["state"] = {"caller": ADMIN}
        sending = asyncio.create_task(dispatch(scope, receive, send))
        async with asyncio.timeout(20):
            while not limiter.question_limiter.active:
                await asyncio.sleep(0)
            while limiter.question_limiter.active:
                await asyncio.sleep(0)
            before = list(taken)
            takes.set()
            await sending

    assert before == []
    assert len(taken) >= 100
