"""The search alone: what it finds."""

from pathlib import Path

import pytest

from alir import Alir, Fusion, Passages, Search
from alir.errors import NothingIngested


async def files(app: Alir, question: str, **search: object) -> list[str]:
    found = await app.search.run(start_event=Search(question=question, **search))
    assert isinstance(found, Passages)
    assert found.degraded == []
    return [passage.node.metadata["file_name"] for passage in found.passages]


def test_the_graph_is_sound(app: Alir) -> None:
    assert app.search.validate() is False


async def test_the_passages_are_those_an_answer_is_made_from(library: Alir) -> None:
    question = "Do dogs bark, and do bees make honey?"

    found = await library.search.run(question=question, top_k=2)
    answer = await library.ask.run(question=question, top_k=2)

    texts = [passage.node.get_content() for passage in found.passages]
    assert texts == [source.text for source in answer.sources]
    assert [passage.score for passage in found.passages] == [s.score for s in answer.sources]
    assert set(found.seconds) == {"embed", "dense", "keyword", "fuse", "read", "total"}


async def test_nothing_found_is_an_empty_list_and_an_empty_index_an_error(
    app: Alir, folder: Path
) -> None:
    with pytest.raises(NothingIngested):
        await app.search.run(question="honey")

    await app.ingest.run(paths=[folder])

    assert await files(app, "chromodynamics", fusion=Fusion("score", 1)) == []
