"""alir's search where LlamaIndex takes a retriever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine

from alir import Alir, Settings
from alir.testing import HashEmbedding

QUESTION = "Who makes honey?"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Alir]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "cats.txt").write_text("Cats sleep most of the day. They hunt at night.")
    (docs / "bees.txt").write_text("Bees make honey. A hive has one queen.")
    settings = Settings.load(milvus_uri=str(tmp_path / "retriever.db"), top_k=1)
    async with Alir(settings, embedding=HashEmbedding()) as app:
        await app.ingest.run(paths=[docs])
        yield app


async def test_it_finds_what_an_answer_is_made_from(app: Alir) -> None:
    answer = await app.ask.run(question=QUESTION)

    found = await app.retriever.aretrieve(QUESTION)

    assert [one.node.get_content() for one in found] == [one.text for one in answer.sources]
    assert app.retriever.retrieve(QUESTION) == found  # from a running loop, too


async def test_a_query_engine_of_llama_indexs_answers_from_it(app: Alir) -> None:
    engine = RetrieverQueryEngine.from_args(app.retriever, llm=MockLLM())

    response = await engine.aquery(QUESTION)

    assert [Path(one.metadata["file_path"]).name for one in response.source_nodes] == ["bees.txt"]
    assert "Bees make honey." in str(response)
