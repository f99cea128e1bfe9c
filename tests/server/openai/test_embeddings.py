"""The vectors of texts, in OpenAI's protocol."""

from typing import Any

import numpy as np
import openai
import pytest

from alir.steps.agent.budget_tracker import count_tokens


async def test_vectors_are_the_indexs_own(held: Any, client: openai.AsyncOpenAI) -> None:
    texts = ["combs of wax", "eggs"]
    as_base64 = await client.embeddings.create(model="alir-embedding", input=texts)
    as_floats = await client.embeddings.create(
        model="alir-embedding", input=texts, encoding_format="float"
    )

    expected = [held.alir.embedding.get_text_embedding(text) for text in texts]
    for answer in (as_base64, as_floats):
        vectors = np.asarray([one.embedding for one in answer.data])
        np.testing.assert_allclose(vectors, np.asarray(expected), rtol=1e-6)
    assert as_base64.usage.prompt_tokens == count_tokens(texts)
    for given in ("", [" "], ["x"] * 2049, [1, 2, 3], [[1]], "a b " * 5000):
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="alir-embedding", input=given)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        await client.embeddings.create(model="alir-embedding", input="x", dimensions=7)
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model="text-embedding-3-small", input="x")
