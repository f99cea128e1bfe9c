"""A service with a document, and OpenAI's client of it."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.server.openai.clients import openai_client

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"


@pytest.fixture
async def held(served: Any) -> Any:
    await served.hold(served.client, bees=BEES)
    return served


@pytest.fixture
async def client(held: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(held.url, held.secret("read")) as client:
        yield client
