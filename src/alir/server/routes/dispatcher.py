"""Calls the endpoint of a request; a question holds a slot of the question limiter.

A client that takes its answer slowly holds no slot: an answer is computed at its own pace, and
what was not taken yet waits in memory. The server ends a connection that takes too little of it.
"""

import asyncio
from collections.abc import Mapping

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from alir.concurrency.read_ahead import ReadAhead
from alir.models.key_scope import allows
from alir.server.auth.caller import caller
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint


class EndpointDispatcher:
    """Calls the endpoint of a path and method, if the caller's key has its scope."""

    def __init__(self, endpoints: Mapping[str, Endpoint], rate_limiter: RateLimiter) -> None:
        self._endpoints = endpoints
        self._rate_limiter = rate_limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        endpoint = self._endpoints["GET" if request.method == "HEAD" else request.method]
        if endpoint.scope != "open" and not allows(caller(request).scope, endpoint.scope):
            detail = f"This needs a key of the scope {endpoint.scope}."
            raise refusal(403, "Scope Too Small", detail)
        if not endpoint.is_question:
            response = await endpoint.handler(request)
            await response(scope, receive, send)
            return
        await request.body()  # a client that sends slowly holds no slot meanwhile
        sending: asyncio.Task[None] | None = None
        try:
            # A question holds its slot until its answer is computed, not until it is taken.
            async with self._rate_limiter.question_slot(caller(request)):
                answer = await _answer_while_connected(endpoint, request)
                if isinstance(answer, EventSourceResponse):
                    async with ReadAhead(answer.body_iterator) as ahead:
                        answer.body_iterator = ahead.items()
                        sending = asyncio.create_task(answer(scope, receive, send))
                        await asyncio.wait(
                            {sending, ahead.reading}, return_when=asyncio.FIRST_COMPLETED
                        )
            if sending is not None:
                await sending
            elif answer is not None:
                await answer(scope, receive, send)
        finally:
            if sending is not None and not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


async def _answer_while_connected(endpoint: Endpoint, request: Request) -> Response | None:
    """Return the response of an endpoint; cancel it and return None if the client disconnects.

    The request's body must have been read.
    """

    async def wait_for_disconnect() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    answering = asyncio.ensure_future(endpoint.handler(request))
    disconnecting = asyncio.create_task(wait_for_disconnect())
    try:
        await asyncio.wait({answering, disconnecting}, return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        disconnecting.cancel()
        await asyncio.gather(answering, disconnecting, return_exceptions=True)
