import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai_like import OpenAILike
from openai.types.chat import ChatCompletionMessageParam

from alir.testing import CallTools, Cut, Fail, OpenAIServer, Say, Stall

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there"}]


class Client:
    """The official client, against one server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    def of(self, server: OpenAIServer, *, key: str = "key", retries: int = 0) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=server.base_url, api_key=key, max_retries=retries, http_client=self.http
        )

    async def ask(self, server: OpenAIServer, **options: Any) -> str | None:
        completions = self.of(server).chat.completions
        completion = await completions.create(model="m", messages=HELLO, **options)
        content: str | None = completion.choices[0].message.content
        return content

    async def stream(self, server: OpenAIServer, into: list[str]) -> None:
        stream = await self.of(server).chat.completions.create(
            model="m", messages=HELLO, stream=True
        )
        async for chunk in stream:
            into += [chunk.choices[0].delta.content or ""]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with httpx.AsyncClient(timeout=10.0) as http:
        yield Client(http)


async def test_the_official_client_gets_a_whole_answer(client: Client) -> None:
    with OpenAIServer(Say("The quick brown fox.")) as server:
        assert await client.ask(server) == "The quick brown fox."


async def test_the_official_client_streams_pieces_and_usage(client: Client) -> None:
    with OpenAIServer(Say("The quick brown fox.", pieces=3)) as server:
        stream = await client.of(server).chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    pieces = [
        c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content
    ]
    assert pieces == ["The qui", "ck brow", "n fox."]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


async def test_pieces_arrive_before_the_answer_is_complete(client: Client) -> None:
    with OpenAIServer(Say("one two", pause_s=0.2)) as server:
        stream = await client.of(server).chat.completions.create(
            model="m", messages=HELLO, stream=True
        )
        arrived = {c.choices[0].delta.content: time.monotonic() async for c in stream}
    assert arrived["two"] - arrived["one "] > 0.1


async def test_tool_calls_arrive_whole_and_streamed(client: Client) -> None:
    calls = CallTools([("search", {"query": "x"}), ("count", {"n": 2})])
    with OpenAIServer(calls) as server:
        completion = await client.of(server).chat.completions.create(model="m", messages=HELLO)
        stream = await client.of(server).chat.completions.create(
            model="m", messages=HELLO, stream=True
        )
        deltas = [chunk.choices[0].delta async for chunk in stream]
    functions = [
        call.to_dict()["function"] for call in completion.choices[0].message.tool_calls or []
    ]
    assert functions == [
        {"name": "search", "arguments": '{"query": "x"}'},
        {"name": "count", "arguments": '{"n": 2}'},
    ]
    streamed = ["", ""]
    for delta in deltas:
        for call in delta.tool_calls or []:
            assert call.function is not None
            streamed[call.index] += call.function.arguments or ""
    assert streamed == ['{"query": "x"}', '{"n": 2}']


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_a_failure_is_the_clients_own_error(
    client: Client, status: int, error: type[openai.APIStatusError]
) -> None:
    with (
        OpenAIServer(Fail(status, "in plain words")) as server,
        pytest.raises(error, match="in plain words") as caught,
    ):
        await client.ask(server)
    assert caught.value.status_code == status


async def test_the_client_waits_as_long_as_retry_after_says(client: Client) -> None:
    with OpenAIServer([Fail(429, retry_after=0.7), Say("now")]) as server:
        start = time.monotonic()
        completion = await client.of(server, retries=1).chat.completions.create(
            model="m", messages=HELLO
        )
        waited_s = time.monotonic() - start
    assert completion.choices[0].message.content == "now"
    assert waited_s >= 0.7  # by itself it waits 0.5 at most


async def test_a_stalled_request_times_out_in_the_client(client: Client) -> None:
    with OpenAIServer(Stall(30)) as server, pytest.raises(openai.APITimeoutError):
        await client.ask(server, timeout=0.3)


async def test_a_request_that_stalls_does_not_hold_up_the_end(client: Client) -> None:
    with OpenAIServer(Stall(3_600)) as server:
        waiting = asyncio.create_task(client.ask(server))
        await asyncio.sleep(0.1)
        server.stop()
        with pytest.raises(openai.InternalServerError):
            await waiting


async def test_a_cut_stream_gives_its_text_and_then_breaks(client: Client) -> None:
    pieces: list[str] = []
    with (
        OpenAIServer(Cut("half an answer")) as server,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        await client.stream(server, into=pieces)
    assert "".join(pieces) == "half an answer"


async def test_a_cut_answer_is_a_connection_error(client: Client) -> None:
    with (
        OpenAIServer(Cut("half an answer")) as server,
        pytest.raises(openai.APIConnectionError),
    ):
        await client.ask(server)


async def test_a_wrong_key_is_refused(client: Client) -> None:
    with OpenAIServer(Say("hello"), api_key="right") as server:
        with pytest.raises(openai.AuthenticationError):
            await client.of(server, key="wrong").models.list()
        with pytest.raises(openai.AuthenticationError):
            await client.ask(server)
        right = client.of(server, key="right").chat.completions
        completion = await right.create(model="m", messages=HELLO)
    assert completion.choices[0].message.content == "hello"


async def test_an_unknown_model_is_refused_where_models_are_named(client: Client) -> None:
    with OpenAIServer(Say("hello"), models=["small", "large"]) as server:
        listed = [model.id async for model in client.of(server).models.list()]
        with pytest.raises(openai.NotFoundError, match="`m` does not exist"):
            await client.ask(server)
    assert listed == ["small", "large"]


async def test_it_keeps_the_requests_and_their_headers(client: Client) -> None:
    with OpenAIServer(Say("hello")) as server:
        await client.ask(server, temperature=0.5)
    assert server.requests == [{"model": "m", "messages": HELLO, "temperature": 0.5}]
    assert server.headers[0]["authorization"] == "Bearer key"


async def test_a_script_that_raises_says_so_to_the_client(client: Client) -> None:
    with (
        OpenAIServer(lambda request: request["nothing"]) as server,
        pytest.raises(openai.BadRequestError, match="KeyError"),
    ):
        await client.ask(server)


async def test_it_can_start_again_at_the_same_address(client: Client) -> None:
    server = OpenAIServer(Say("hello"))
    with server:
        first = server.base_url
    with pytest.raises(openai.APIConnectionError):
        await client.ask(server)
    with server:
        assert server.base_url == first
        assert await client.ask(server) == "hello"


def openai_like(server: OpenAIServer, http: httpx.AsyncClient) -> FunctionCallingLLM:
    return OpenAILike(
        model="m",
        api_base=server.base_url,
        api_key="key",
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=8_192,
        async_http_client=http,
    )


def openai_itself(server: OpenAIServer, http: httpx.AsyncClient) -> FunctionCallingLLM:
    return OpenAI(
        model="gpt-4o-mini", api_base=server.base_url, api_key="key", async_http_client=http
    )


@pytest.mark.parametrize("make", [openai_like, openai_itself])
async def test_llama_index_chats_completes_and_streams(
    client: Client, make: Callable[[OpenAIServer, httpx.AsyncClient], FunctionCallingLLM]
) -> None:
    question = [ChatMessage("Hello there")]
    with OpenAIServer(Say("The quick brown fox.")) as server:
        llm = make(server, client.http)
        answers = [
            (await llm.achat(question)).message.content,
            (await llm.acomplete("Hello there")).text,
            "".join([part.delta or "" async for part in await llm.astream_chat(question)]),
            "".join([part.delta or "" async for part in await llm.astream_complete("Hello there")]),
        ]
    assert answers == ["The quick brown fox."] * 4
    assert [request["messages"][0]["content"] for request in server.requests] == ["Hello there"] * 4
