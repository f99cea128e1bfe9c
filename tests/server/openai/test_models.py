"""The models of OpenAI's protocol."""

import openai
import pytest


async def test_the_models_are_listed(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert names == ["alir", "alir-agent", "alir-embedding"]
    assert (await client.models.retrieve("alir")).owned_by == "alir"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-4o")
