"""The HTTP client of a language model: which bodies it reads, and how far."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from alir.errors import ReplyCut
from alir.inference import reply_stream
from alir.inference.reply_events import ReplyFault
from alir.inference.reply_stream import END, CheckedReply, http_client
from alir.testing import Fail, OpenAIServer
from alir.testing.hostile_replies import DONE, delta


class Body(httpx.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def aclose(self) -> None:
        self.is_closed = True


async def read(*pieces: bytes, is_plain: bool = True) -> list[bytes]:
    body = Body(pieces)
    reply = CheckedReply(body, max_chars=1_000, is_plain=is_plain)
    read = [event async for event in reply]
    await reply.aclose()
    assert body.is_closed
    return read


async def test_how_the_bytes_are_cut_makes_no_difference() -> None:
    sent = b": hello\r\n\r\n" + delta("Über 😀.") + b"event: x\r\nid: 7\r\n" + delta("!") + DONE
    whole = b"".join(await read(sent))
    text = b"".join(await read(*(sent[at : at + 1] for at in range(len(sent)))))

    for one in (whole, text):
        assert "Über 😀." in one.decode("unicode_escape").encode("utf-16", "surrogatepass").decode(
            "utf-16"
        )
        assert one.endswith(END)


async def test_an_event_of_several_lines_is_one() -> None:
    lines = delta("Hi").decode().removeprefix("data: ").strip().replace(", ", ",\ndata: ")
    [event, end] = await read(f"data: {lines}\n\n".encode(), DONE)
    assert b'"content": "Hi"' in event
    assert end == END


async def test_an_ending_without_an_empty_line_is_one() -> None:
    assert (await read(delta("Hi"), b"data: [DONE]"))[0].count(b"Hi") == 1


async def test_what_came_before_the_fault_is_given() -> None:
    body = Body([delta("Hi") + b"data: x\n\n"])
    events = aiter(CheckedReply(body, max_chars=9, is_plain=True))
    assert b"Hi" in await anext(events)
    with pytest.raises(ReplyFault, match="not JSON"):
        await anext(events)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([delta("Hi")], "broke off its reply"),
        ([b"<html>"], "did not reply with a stream of events"),
        ([b"data: " + b"x" * 2_000_000], "an event of more than 1 MiB"),
        ([b"data: x\n" * 200_000], "an event of more than 1 MiB"),
    ],
)
async def test_what_is_no_whole_reply_is_said(pieces: list[bytes], reason: str) -> None:
    with pytest.raises(ReplyFault, match=reason):
        await read(*pieces)


async def test_nothing_is_an_empty_reply() -> None:
    assert await read() == []
    assert await read(b"") == []


async def test_a_compressed_reply_is_not_read() -> None:
    with pytest.raises(ReplyFault, match="compressed"):
        await read(DONE, is_plain=False)


async def test_all_that_is_sent_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_stream, "MAX_REPLY_BYTES", 1024 * 1024)
    with pytest.raises(ReplyCut, match="sent more than 1 MiB"):
        await read(*[b": thinking\n\n" * 1_000] * 100)


@pytest.mark.parametrize(("wait_s", "is_worth_it"), [(1, True), (59, False), (3_600, False)])
async def test_a_long_wait_is_not_worth_it(wait_s: float, is_worth_it: bool) -> None:
    with OpenAIServer(Fail(429, retry_after=wait_s)) as server:
        async with http_client(timeout_s=10, max_chars=9) as client:
            answer = await client.post(f"{server.base_url}/chat/completions", json={})
    assert (answer.headers.get("x-should-retry") is None) is is_worth_it
    assert answer.content == b""
