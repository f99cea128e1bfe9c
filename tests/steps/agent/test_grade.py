"""Grade: the nearer in meaning and the more of its words, the better a passage fits."""

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, TextNode

from alir.steps.agent.grade import GRADED, grade
from alir.testing import HashEmbedding


@pytest.fixture
def embedding() -> BaseEmbedding:
    return HashEmbedding(dim=256)


def found(*texts: str) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text), score=1.0) for text in texts]


async def test_the_question_itself_has_the_best_grade_there_is(embedding: BaseEmbedding) -> None:
    question = "old cats sleep"
    assert await grade(question, found(question), embedding=embedding) == pytest.approx(1.5)


async def test_the_best_passage_counts_and_what_has_nothing_in_common_is_worth_little(
    embedding: BaseEmbedding,
) -> None:
    near = await grade("old cats", found("fish", "the old cats sleep"), embedding=embedding)
    far = await grade("old cats", found("fish", "birds"), embedding=embedding)
    assert near > 1
    assert 0 <= far < 0.3


async def test_nothing_found_is_worth_nothing(embedding: BaseEmbedding) -> None:
    assert await grade("old cats", [], embedding=embedding) == 0


async def test_what_stands_far_down_is_not_looked_at(embedding: BaseEmbedding) -> None:
    passages = found(*["fish"] * GRADED, "old cats")
    assert await grade("old cats", passages, embedding=embedding) < 0.5
