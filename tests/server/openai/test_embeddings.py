"""The vectors of texts, in OpenAI's protocol."""

from typing import Any

import numpy as np
import openai
import pytest

from alir.server.openai.tokens import encoding
from alir.steps.agent.budget_tracker import count_tokens

MODEL = "alir-embedding"


async def test_vectors_are_the_indexs_own(held: Any, client: openai.AsyncOpenAI) -> None:
    texts = ["combs of wax", "eggs"]
    as_base64 = await client.embeddings.create(model=MODEL, input=texts)
    as_floats = await client.embeddings.create(model=MODEL, input=texts, encoding_format="float")

    expected = [held.alir.embedding.get_text_embedding(text) for text in texts]
    for answer in (as_base64, as_floats):
        vectors = np.asarray([one.embedding for one in answer.data])
        np.testing.assert_allclose(vectors, np.asarray(expected), rtol=1e-6)
    assert as_base64.usage.prompt_tokens == count_tokens(texts)


async def test_tokens_are_those_of_cl100k_base(held: Any, client: openai.AsyncOpenAI) -> None:
    texts = ["combs of wax", "Bienenkönigin 🐝 <|endoftext|>"]
    tokens = [encoding().encode(text, disallowed_special=()) for text in texts]
    several = await client.embeddings.create(model=MODEL, input=tokens)
    one = await client.embeddings.create(model=MODEL, input=tokens[1])

    expected = [held.alir.embedding.get_text_embedding(text) for text in texts]
    np.testing.assert_allclose([each.embedding for each in several.data], expected, atol=1e-6)
    np.testing.assert_allclose(one.data[0].embedding, expected[1], atol=1e-6)
    assert several.usage.prompt_tokens == sum(map(len, tokens))
    for foreign in ([[5], [200_000]], [[5], [-1]], [[5], [100_256]]):
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length") as refused:
            await client.embeddings.create(model=MODEL, input=foreign)
        assert refused.value.param == "input.1"


async def test_a_batch_may_be_as_large_as_the_documentation_says(
    client: openai.AsyncOpenAI,
) -> None:
    most = await client.embeddings.create(model=MODEL, input=["honey " * 140] * 2048)
    long = await client.embeddings.create(model=MODEL, input=["word " * 800] * 100)
    tokens = await client.embeddings.create(model=MODEL, input=[[9906] * 8192] * 36)

    assert [len(one.data) for one in (most, long, tokens)] == [2048, 100, 36]


@pytest.mark.parametrize(
    ("given", "param", "problem"),
    [
        ("", "input", "empty"),
        (["a", " "], "input.1", "empty"),
        ([[]], "input.0", "empty"),
        (["a", "a b " * 5000], "input.1", "8192 are the most"),
        ([[9906] * 8193], "input.0", "8193 tokens"),
        ([[9906] * 8000] * 38, "input", "300000 tokens in all"),
    ],
)
async def test_what_is_too_much_or_nothing_is_refused(
    client: openai.AsyncOpenAI, given: Any, param: str, problem: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=problem) as refused:
        await client.embeddings.create(model=MODEL, input=given)

    assert refused.value.param == param


async def test_vectors_have_the_dimensions_of_the_model(
    held: Any, client: openai.AsyncOpenAI
) -> None:
    answer = await client.embeddings.create(
        model=MODEL, input="x", dimensions=held.alir.embedding.dim, extra_body={"truncate": "END"}
    )

    assert answer.model_extra == {"ignored": ["truncate"]}
    with pytest.raises(openai.BadRequestError, match="dimensions") as refused:
        await client.embeddings.create(model=MODEL, input="x", dimensions=7)
    assert refused.value.param == "dimensions"
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model="text-embedding-3-small", input="x")
