"""A real HTTP server on loopback that speaks the OpenAI protocol and replies by a script."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Any, Self

from alir.testing.openai_script import (
    CallTools,
    Cut,
    Fail,
    Json,
    Raw,
    Reply,
    Say,
    Script,
    Stall,
    completion_body,
    completion_chunks,
    error_body,
    follow,
    models_body,
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class OpenAIServer:
    """The endpoint of a scripted language model: `/v1/chat/completions`, `/v1/models`."""

    requests: list[Json]
    """The bodies of all chat requests, oldest first, also of refused ones."""
    headers: list[dict[str, str]]
    """Their headers, in the same order; names in lower case."""
    endless: int
    """How many endless replies are being sent now."""

    def __init__(
        self,
        script: Script,
        *,
        api_key: str | None = None,
        models: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        """Prepare a server; it listens from `start()` on.

        script: one reply for all, or replies in order, or a function from the request's body.
        api_key: the required key; None accepts any key, or none.
        models: the models it knows; others get a 404. By default it accepts any.
        port: where to listen; 0 finds a port, and keeps it for the next start.
        """
        self.requests = []
        self.headers = []
        self.endless = 0
        self._reply_to = follow(script)
        self._api_key = api_key
        self._models = models
        self._port = port
        self._thread: threading.Thread | None = None
        self._end: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """The address for a client, without a slash at its end; known once started."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Start to listen, in a new thread."""
        import uvicorn  # noqa: PLC0415  other fakes of `alir.testing` do not need it

        config = uvicorn.Config(
            self._answer,
            interface="asgi3",  # it does not recognize a method as one
            lifespan="off",
            http="h11",
            ws="none",
            log_config=None,
            log_level="critical",  # a Cut is an error to uvicorn
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]

        async def serve() -> None:
            self._stopping = asyncio.Event()
            loop = asyncio.get_running_loop()

            def end() -> None:
                server.should_exit = True
                loop.call_soon_threadsafe(self._stopping.set)

            self._end = end
            await server.serve(sockets=[listener])

        self._thread = threading.Thread(target=asyncio.run, args=[serve()], daemon=True)
        self._thread.start()
        while not server.started and self._thread.is_alive():
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop listening and close the connections; requests in progress are cut short."""
        if self._thread and self._end:
            self._end()
            self._thread.join()
        self._thread = self._end = None

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        content = await _read(receive)
        match scope["method"], scope["path"]:
            case "GET", "/v1/models":
                refusal = self._refusal(headers, None)
                if refusal:
                    await _send_failure(send, refusal)
                else:
                    await _send_json(send, models_body(self._models or ["scripted"]))
            case "POST", "/v1/chat/completions":
                await self._chat(headers, content, receive, send)
            case method, path:
                await _send_failure(send, Fail(404, f"Nothing answers to {method} {path}."))

    async def _chat(
        self, headers: dict[str, str], content: bytes, receive: Receive, send: Send
    ) -> None:
        try:
            request: Json = json.loads(content)
        except ValueError:
            await _send_failure(send, Fail(400, "The body is not JSON."))
            return
        self.requests.append(request)
        self.headers.append(headers)
        try:
            reply: Reply = self._refusal(headers, request.get("model")) or self._reply_to(request)
        except Exception as exc:  # noqa: BLE001 - the test's own function: let the client show it
            reply = Fail(400, f"The script raised {exc!r}.")
        match reply:
            case Fail():
                await _send_failure(send, reply)
            case Stall(seconds):
                await self._pause(seconds)
                await _send_failure(send, Fail(504))
            case Raw():
                await self._send_raw(reply, receive, send)
            case _ if request.get("stream"):
                await self._stream(reply, request, send)
            case Cut(text):
                whole = json.dumps(completion_body(Say(text), request)).encode()
                await _open(send, 200, "application/json")
                await _write(send, whole[: whole.index(b'"finish_reason"')])
            case Say() | CallTools():
                await _send_json(send, completion_body(reply, request))

    async def _stream(self, reply: Say | CallTools | Cut, request: Json, send: Send) -> None:
        await _open(send, 200, "text/event-stream")
        for chunk in completion_chunks(reply, request):
            if chunk:
                await _write(send, f"data: {json.dumps(chunk)}\n\n".encode())
            elif isinstance(reply, Say) and reply.pause_s:
                await self._pause(reply.pause_s)
        if not isinstance(reply, Cut):  # to return with an answer unfinished drops the connection
            await _write(send, b"data: [DONE]\n\n", last=True)

    async def _send_raw(self, reply: Raw, receive: Receive, send: Send) -> None:
        headers = {"content-type": reply.content_type, **reply.headers}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        # uvicorn drops what is sent to a client that is gone, without a word.
        gone = asyncio.ensure_future(receive())
        self.endless += reply.is_endless
        try:
            pieces = chain(reply.pieces, repeat(reply.pieces[-1]) if reply.is_endless else ())
            for number, piece in enumerate(pieces):
                if number:
                    await self._pause(reply.pause_s)
                if gone.done() or self._stopping.is_set():
                    return
                await _write(send, piece)
            await _write(send, b"", last=True)
        finally:
            self.endless -= reply.is_endless
            gone.cancel()

    def _refusal(self, headers: dict[str, str], model: str | None) -> Fail | None:
        if self._api_key is not None and headers.get("authorization") != f"Bearer {self._api_key}":
            return Fail(401, "Incorrect API key provided.")
        if model and self._models and model not in self._models:
            return Fail(404, f"The model `{model}` does not exist.")
        return None

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


async def _read(receive: Receive) -> bytes:
    content = b""
    while True:
        message = await receive()
        content += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return content


async def _open(
    send: Send, status: int, content_type: str, retry_after: float | None = None
) -> None:
    headers = [(b"content-type", content_type.encode())]
    if retry_after is not None:
        headers.append((b"retry-after", f"{retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _write(send: Send, content: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": not last})


async def _send_json(send: Send, body: Json) -> None:
    await _open(send, 200, "application/json")
    await _write(send, json.dumps(body).encode(), last=True)


async def _send_failure(send: Send, reply: Fail) -> None:
    await _open(send, reply.status, "application/json", reply.retry_after)
    await _write(send, json.dumps(error_body(reply)).encode(), last=True)
