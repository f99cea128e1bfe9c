"""Retrieval: which branches are asked, and what reranks."""

from pathlib import Path

import pytest
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from workflows.testing import WorkflowTestRunner

from alir import Alir, Fusion, Passages, Search
from alir.errors import EmptyQuestion, InvalidTopK
from alir.events.search import DenseSearchPlanned, KeywordSearchPlanned
from alir.testing import HashEmbedding


class LastFirst(BaseNodePostprocessor):
    """Turns the list round, and notes how long each list was."""

    lengths: list[int] = []  # noqa: RUF012  pydantic copies it

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        assert query_bundle is not None
        self.lengths.append(len(nodes))
        return nodes[::-1]


async def files(app: Alir, question: str, **search: object) -> list[str]:
    found = await app.search.run(start_event=Search(question=question, **search))
    assert isinstance(found, Passages)
    assert found.degraded == []
    return [passage.node.metadata["file_name"] for passage in found.passages]


def test_the_engine_looks_for_steps_among_a_workflows_own_names_alone(app: Alir) -> None:
    own = {"plan", "replan", "search_dense", "search_keyword", "fuse", "rerank", "read", "run"}

    assert own | {"finish", "report_nothing"} <= set(dir(app.search))
    assert own | {"synthesize", "report_nothing"} <= set(dir(app.ask))
    assert "add_step" not in dir(app.search)


@pytest.mark.parametrize(
    ("weight", "branches"),
    [(0, {DenseSearchPlanned}), (1, {KeywordSearchPlanned})],
)
async def test_a_branch_without_weight_is_not_asked(
    library: Alir, weight: float, branches: set[type]
) -> None:
    search = Search(question="Who makes honey?", fusion=Fusion("score", weight))

    run = await WorkflowTestRunner(library.search).run(search)

    planned = {DenseSearchPlanned, KeywordSearchPlanned}
    assert {kind for kind in run.event_types if kind in planned} <= branches
    result = run.result
    assert isinstance(result, Passages)
    assert ("embed" in result.seconds) == (weight == 0)
    assert ("keyword" in result.seconds) == (weight == 1)


async def test_words_alone_find_only_what_has_one_of_them(library: Alir) -> None:
    assert await files(library, "honey", fusion=Fusion("score", 1)) == ["bees.txt"]
    assert len(await files(library, "honey", fusion=Fusion("score", 0))) == 3


async def test_a_search_that_makes_no_sense_is_refused(library: Alir) -> None:
    with pytest.raises(EmptyQuestion):
        await library.search.run(question=" ")
    with pytest.raises(InvalidTopK):
        await library.search.run(question="Why?", top_k=101)


async def test_a_reranker_chooses_from_more_than_are_asked_for(library: Alir) -> None:
    question = "Who makes honey in a hive, and sleeps at night?"
    last_first = LastFirst()
    async with Alir(
        library.settings, embedding=HashEmbedding(dim=64), node_postprocessors=[last_first]
    ) as app:
        plain = await files(app, question, top_k=3, rerank=False)
        assert last_first.lengths == []
        [one] = await files(app, question, top_k=1)
        answer = await app.ask.run(question=question, top_k=1)

    assert last_first.lengths == [3, 3]
    assert one == plain[-1] != plain[0]
    assert [Path(source.file).name for source in answer.sources] == [one]
    assert "rerank" in answer.seconds
