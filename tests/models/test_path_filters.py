"""What limits a search: files, and folders with all that is in them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from llama_index.core.vector_stores.types import FilterOperator, MetadataFilter, MetadataFilters

from alir import Alir, AskAgent, Search, Settings, below
from alir.app.retriever import AlirRetriever
from alir.errors import InvalidFilter
from alir.models.path_filters import both
from alir.testing import HashEmbedding

QUESTION = "Who makes honey?"
FILES = ["a/bees.txt", "a/deep/bees.txt", "a-b/bees.txt", "a0/bees.txt", "b%_/bees.txt", "bees.txt"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for number, name in enumerate(FILES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Bees make honey, says file {number}.\n")
    return folder


@pytest.fixture
async def app(folder: Path, tmp_path: Path) -> AsyncIterator[Alir]:
    settings = Settings.load(milvus_uri=str(tmp_path / "scope.db"), top_k=10)
    async with Alir(settings, embedding=HashEmbedding()) as app:
        await app.ingest.run(paths=[folder])
        yield app


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (["a"], ["a/bees.txt", "a/deep/bees.txt"]),
        (["a/"], ["a/bees.txt", "a/deep/bees.txt"]),
        (["a/deep", "bees.txt"], ["a/deep/bees.txt", "bees.txt"]),
        (["b%_"], ["b%_/bees.txt"]),
        (["a/../a0"], ["a0/bees.txt"]),
        (["."], FILES),
        (["/"], FILES),
    ],
)
async def test_only_passages_below_the_paths_are_found(
    app: Alir, folder: Path, within: list[str], expected: list[str]
) -> None:
    filters = below([folder / one for one in within])

    found = await app.search.run(start_event=Search(question=QUESTION, filters=filters))

    paths = [Path(one.node.metadata["file_path"]) for one in found.passages]
    assert sorted(str(path.relative_to(folder)) for path in paths) == sorted(expected)
    assert found.degraded == []


async def test_a_link_is_followed_as_it_is_at_ingestion(
    app: Alir, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder / "a")

    assert below([tmp_path / "link"]) == below([folder / "a"])


async def test_every_way_to_ask_takes_filters(app: Alir, folder: Path) -> None:
    filters = below([folder / "a0"])

    answer = await app.ask.run(question=QUESTION, filters=filters)
    of_agent = await app.agent.run(start_event=AskAgent(question=QUESTION, filters=filters))
    nodes = await AlirRetriever(app.search, filters=filters).aretrieve(QUESTION)

    expected = str(folder / "a0/bees.txt")
    assert [source.file for source in answer.sources] == [expected]
    assert [source.file for source in of_agent.sources] == [expected]
    assert [node.metadata["file_path"] for node in nodes] == [expected]


async def test_a_retriever_finds_as_many_as_it_was_told(app: Alir) -> None:
    assert len(await AlirRetriever(app.search, similarity_top_k=2).aretrieve(QUESTION)) == 2


async def test_filters_that_nothing_passes_are_told(app: Alir, folder: Path) -> None:
    answer = await app.ask.run(question=QUESTION, filters=below([folder / "nowhere"]))

    assert answer.sources == []
    assert answer.degraded == ["Nothing in the index passes the filters."]


async def test_a_filter_milvus_cannot_express_is_an_error_and_not_an_answer(app: Alir) -> None:
    impossible = MetadataFilter(
        key="file_name", value="x", operator=FilterOperator.TEXT_MATCH_INSENSITIVE
    )

    with pytest.raises(InvalidFilter):
        await app.ask.run(question=QUESTION, filters=MetadataFilters(filters=[impossible]))


def test_no_filters_limit_nothing() -> None:
    filters = below(["a"])

    assert both(None, None) is None
    assert both(filters, None) == both(None, filters) == filters
