"""The HTTP client of a language model: what comes back is checked and bounded as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar

import httpx
import openai

from alir.errors import ReplyCut
from alir.inference.reply_events import MAX_EVENT_BYTES, ReplyEvents, ReplyFault

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""Of all that an endpoint sends for a reply: a word comes in an event of 200 bytes, and what a
model thinks, which is not read, comes so, too."""
responses: ContextVar[list[httpx.Response]] = ContextVar("responses")
"""Takes what comes back in the current context, so that it can be closed."""
MAX_WHOLE_REPLY_BYTES = 8 * 1024 * 1024
"""Of a reply that comes in one piece; alir asks for none, others may."""
END = b"data: [DONE]\n\n"
_STREAMED = b'"stream":true'
"""In a request for a stream; within a text of it the quotes would be escaped."""


def http_client(*, timeout_s: float, max_chars: int) -> httpx.AsyncClient:
    """Return the client for `language_model`.

    Replies are read by `CheckedReply`. Redirects are not followed: what is sent are documents.
    """

    async def check(response: httpx.Response) -> None:
        responses.get([]).append(response)
        body = response.stream
        assert isinstance(body, httpx.AsyncByteStream)  # noqa: S101  of an asynchronous client
        # An attribute of the response, not of its form: 1 MB of zeros is 1 KB.
        is_plain = response.headers.pop("content-encoding", "identity") == "identity"
        if response.is_success and _STREAMED not in response.request.content:
            response.stream = BoundedReply(body)
            return
        if response.is_success:
            response.stream = CheckedReply(body, max_chars=max_chars, is_plain=is_plain)
            return
        response.stream = _Unread(body)
        if _wait_s(response) > timeout_s / 2:
            # The SDK would wait up to two minutes; then no time is left for a reply.
            response.headers["x-should-retry"] = "false"

    return openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [check]},
        timeout=timeout_s,
    )


class CheckedReply(httpx.AsyncByteStream):
    """The body of a streamed reply.

    Raises, while it is read:
        ReplyFault: it is no reply of the protocol, or broke off.
        ReplyCut: it was cut, by the model or at `max_chars`.
    """

    def __init__(self, body: httpx.AsyncByteStream, *, max_chars: int, is_plain: bool) -> None:
        self._body = body
        self._events = ReplyEvents(max_chars)
        self._is_plain = is_plain

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the events that the SDK is to read."""
        if not self._is_plain:
            raise ReplyFault("compressed its reply, which it was asked not to")
        events, decoder = self._events, _EventDecoder()
        size_bytes = 0
        async for received in self._body:
            size_bytes += len(received)
            end: Exception | None = None
            try:
                for event in decoder.feed(received):
                    events.add(event)
                    if events.has_ended:
                        break
            except (ReplyFault, ReplyCut) as fault:
                end = fault
            # What came before the fault is shown.
            for event in events.take():
                yield event
                await asyncio.sleep(0)  # others get their turn
            if size_bytes > MAX_REPLY_BYTES:
                end = ReplyCut(f"The language model sent more than {MAX_REPLY_BYTES >> 20} MiB.")
            if end is not None:
                raise end
            if events.has_ended:
                yield END
                return
        if rest := decoder.rest():
            events.add(rest)
            for event in events.take():
                yield event
        if not events.has_ended and (events.has_begun or size_bytes):
            raise ReplyFault(
                "broke off its reply"
                if events.has_begun
                else "did not reply with a stream of events, as it was asked to"
            )

    async def aclose(self) -> None:
        """Close the connection, or leave it to the next request."""
        await self._body.aclose()


class BoundedReply(httpx.AsyncByteStream):
    """The body of a reply that was not asked for as a stream; the SDK judges what it is.

    Raises `ReplyFault`, while it is read, where it is too large.
    """

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it as it comes."""
        size_bytes = 0
        async for received in self._body:
            size_bytes += len(received)
            if size_bytes > MAX_WHOLE_REPLY_BYTES:
                raise ReplyFault(f"sent more than {MAX_WHOLE_REPLY_BYTES >> 20} MiB")
            yield received

    async def aclose(self) -> None:
        """Close the connection, or leave it to the next request."""
        await self._body.aclose()


class _Unread(httpx.AsyncByteStream):
    """The body of an error: only its status is looked at, and it may have no end."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""

    async def aclose(self) -> None:
        await self._body.aclose()


class _EventDecoder:
    """Cuts a stream into the texts of its server-sent events.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._event: list[bytes] = []
        self._size_bytes = 0

    def feed(self, received: bytes) -> list[bytes]:
        """Return the events that ended.

        Raises:
            ReplyFault: an event is too long.
        """
        ended = []
        for part in received.splitlines(keepends=True):
            self._line.append(part)
            self._size_bytes += len(part)
            if self._size_bytes > MAX_EVENT_BYTES:
                raise ReplyFault(f"sent an event of more than {MAX_EVENT_BYTES >> 20} MiB")
            if part.endswith((b"\n", b"\r")) and (event := self._end_line()) is not None:
                ended.append(event)
        return ended

    def rest(self) -> bytes | None:
        """Return the event that nothing ended."""
        event = self._end_line()
        return self._end_event() if event is None else event

    def _end_line(self) -> bytes | None:
        line = b"".join(self._line).rstrip(b"\r\n")
        self._line.clear()
        if not line:
            return self._end_event()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._event.append(value.removeprefix(b" "))
        return None

    def _end_event(self) -> bytes | None:
        event = b"\n".join(self._event) if self._event else None
        self._event.clear()
        self._size_bytes = 0
        return event


def _wait_s(response: httpx.Response) -> float:
    """Return how long an endpoint asks to wait; 0 if it does not say it in seconds."""
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
