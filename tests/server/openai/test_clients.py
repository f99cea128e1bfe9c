"""Clients of OpenAI's protocol that do not know alir: OpenAI's, LangChain's and LlamaIndex's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

from alir.server.openai.tokens import encoding
from alir.testing import OpenAIServer
from alir.testing.openai_script import Cut
from tests.server.openai.clients import openai_client
from tests.server.openai.conftest import BEES

QUESTION = "Where do bees keep their honey?"
USER: Any = [{"role": "user", "content": QUESTION}]
IMAGE_URL = "data:image/png;base64,iVBORw0KGgo="
TEXTS = ["combs of wax", "eggs of the queen 🐝", "honey " * 300]


@pytest.fixture
def endpoint(held: Any) -> dict[str, str]:
    """The address and key, as OpenAI's and LangChain's clients take them."""
    return {"base_url": f"{held.url}/v1", "api_key": held.secret("read")}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """For clients that do not close their own: it would be closed in another test's loop."""
    async with httpx.AsyncClient() as client:
        yield client


async def test_openais_client_without_asyncio(endpoint: dict[str, str]) -> None:
    def use() -> tuple[str, str, int, list[str]]:
        with openai.OpenAI(**endpoint, max_retries=0) as client:
            whole = client.chat.completions.create(model="alir", messages=USER)
            with client.chat.completions.stream(model="alir", messages=USER) as stream:
                final = stream.get_final_completion()
            vectors = client.embeddings.create(model="alir-embedding", input=TEXTS).data
            models = [one.id for one in client.models.list()]
        text = final.choices[0].message.content or ""
        return whole.choices[0].message.content or "", text, len(vectors), models

    whole, streamed, vectors, models = await asyncio.to_thread(use)

    assert "combs of wax. [1]" in whole
    assert streamed == whole
    assert vectors == len(TEXTS)
    assert models == ["alir", "alir-agent", "alir-embedding"]


async def test_errors_are_the_classes_that_the_client_has_for_them(serving: Any) -> None:
    async with serving(requests_per_minute=6) as served:
        key = served.secret("read")
        async with openai_client(served.url, "x") as stranger:
            with pytest.raises(openai.AuthenticationError, match="key"):
                await stranger.models.list()
        async with openai_client(served.url, key) as client:
            create = client.chat.completions.create
            with pytest.raises(openai.ConflictError, match="ingest"):
                await create(model="alir", messages=USER)
            stream = await create(model="alir", messages=USER, stream=True)
            with pytest.raises(openai.APIError, match="ingest"):
                await _read(stream, [])
            with pytest.raises(openai.NotFoundError, match="gpt-4o"):
                await create(model="gpt-4o", messages=USER)
            with pytest.raises(openai.APIStatusError) as large:
                await create(model="alir", messages=[{**USER[0], "content": "x" * 17_000_000}])
            assert large.value.status_code == 413
            with pytest.raises(openai.NotFoundError):
                await client.completions.create(model="alir", prompt=QUESTION)
            with pytest.raises(openai.NotFoundError):
                await client.responses.create(model="alir", input=QUESTION)
            with pytest.raises(openai.RateLimitError) as limited:
                await client.models.list()
    assert int(limited.value.response.headers["retry-after"]) > 0
    assert limited.value.request_id


async def test_a_stream_that_breaks_off_raises_in_the_client(serving: Any) -> None:
    with OpenAIServer(Cut("Bees keep their honey in combs of wax [1]. And")) as server:
        async with serving(llm_base_url=server.base_url, llm_model="m") as served:
            await served.hold(served.client, bees=BEES)
            async with openai_client(served.url, "none") as client:
                stream = await client.chat.completions.create(
                    model="alir", messages=USER, stream=True
                )
                pieces: list[str] = []
                with pytest.raises(openai.APIError, match="language model") as broken:
                    await _read(stream, pieces)

    assert "combs of wax" in "".join(pieces)
    assert broken.value.code == "language_model_failed"


async def _read(stream: Any, pieces: list[str]) -> None:
    async for chunk in stream:
        pieces += [one.delta.content or "" for one in chunk.choices]


async def test_langchains_chat_model(endpoint: dict[str, str], http: httpx.AsyncClient) -> None:
    llm = ChatOpenAI(model="alir", max_retries=0, http_async_client=http, **endpoint)
    image = {"type": "image_url", "image_url": {"url": IMAGE_URL}}
    history = [
        SystemMessage("Be brief."),
        HumanMessage([{"type": "text", "text": "What is this?"}, image]),
        AIMessage("A bee."),
    ]

    whole = await llm.ainvoke([*history, HumanMessage(QUESTION)])
    pieces = [one async for one in llm.astream([*history, HumanMessage(QUESTION)])]
    plain = await asyncio.to_thread(llm.invoke, QUESTION)

    assert "combs of wax. [1]" in whole.text
    assert "".join(one.text for one in pieces) == whole.text == plain.text
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] > 0
    cut = await llm.bind(stop=[" in "], max_tokens=100).ainvoke(QUESTION)
    assert cut.text == "Bees keep their honey"
    with pytest.raises(openai.BadRequestError, match="tools"):
        await llm.bind_tools([{"type": "function", "function": {"name": "look"}}]).ainvoke("Hi")
    schema = {"title": "a", "description": "b", "type": "object", "properties": {}}
    with pytest.raises(openai.BadRequestError, match="response_format"):
        await llm.with_structured_output(schema).ainvoke("Hi")


async def test_langchains_embeddings_send_tokens(
    held: Any, endpoint: dict[str, str], http: httpx.AsyncClient
) -> None:
    await asyncio.to_thread(encoding)  # LangChain takes the loaded one, and downloads nothing
    given = {"model": "alir-embedding", "http_async_client": http, **endpoint}
    by_default = OpenAIEmbeddings(**given)
    as_text = OpenAIEmbeddings(check_embedding_ctx_length=False, **given)

    expected = [held.alir.embedding.get_text_embedding(text) for text in TEXTS]
    for embeddings in (by_default, as_text):
        vectors = await embeddings.aembed_documents(TEXTS)
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
        query = await asyncio.to_thread(embeddings.embed_query, TEXTS[0])
        np.testing.assert_allclose(query, expected[0], atol=1e-6)
    [long] = await by_default.aembed_documents(["honey and wax " * 4000])  # in two pieces
    assert len(long) == len(expected[0])


async def test_llamaindexs_chat_model(endpoint: dict[str, str], http: httpx.AsyncClient) -> None:
    at: Any = {"api_base": endpoint["base_url"], "api_key": endpoint["api_key"], "max_retries": 0}
    llm = OpenAILike(model="alir", is_chat_model=True, async_http_client=http, **at)
    image = ChatMessage(blocks=[TextBlock(text="What is this?"), ImageBlock(url=IMAGE_URL)])
    messages = [image, ChatMessage("A bee.", role="assistant"), ChatMessage(QUESTION)]

    answer = await llm.achat(messages)
    streamed = [one async for one in await llm.astream_chat(messages)]
    synchronous = await asyncio.to_thread(llm.chat, messages)

    assert "combs of wax" in (answer.message.content or "")
    assert streamed[-1].message.content == answer.message.content
    assert synchronous.message.content == answer.message.content


async def test_llamaindexs_embeddings(
    held: Any, endpoint: dict[str, str], http: httpx.AsyncClient
) -> None:
    at: Any = {"api_base": endpoint["base_url"], "api_key": endpoint["api_key"], "max_retries": 0}
    at["async_http_client"] = http
    expected = [held.alir.embedding.get_text_embedding(text.strip()) for text in TEXTS]
    for embedding in (
        OpenAIEmbedding(model_name="alir-embedding", **at),
        OpenAILikeEmbedding(model_name="alir-embedding", **at),
    ):
        vectors = await embedding.aget_text_embedding_batch(TEXTS)
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
        query = await asyncio.to_thread(embedding.get_query_embedding, TEXTS[0])
        np.testing.assert_allclose(query, expected[0], atol=1e-6)
