"""Synthesize, of several parts: each has its sentences, all citations are numbered as one list."""

from collections.abc import Sequence

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, TextNode

from alir.models.answers import SubQuestion
from alir.steps.agent.synthesize_parts import evidence, synthesize_parts
from alir.steps.ask.cite import Citations
from alir.testing import HashEmbedding

CATS = NodeWithScore(node=TextNode(id_="cats", text="Cats sleep all day. They hunt at night."))
BEES = NodeWithScore(node=TextNode(id_="bees", text="Bees make honey. A hive has one queen."))
DOGS = NodeWithScore(node=TextNode(id_="dogs", text="Dogs bark at strangers."))
WHEN = SubQuestion(1, "When do cats sleep?", "", passages=(CATS, DOGS))
WHO = SubQuestion(2, "Who makes honey, bees?", "", passages=(BEES, CATS))


@pytest.fixture
def embedding() -> BaseEmbedding:
    return HashEmbedding(dim=256)


async def written(parts: Sequence[SubQuestion], embedding: BaseEmbedding) -> tuple[str, list[str]]:
    passages = evidence(parts)
    texts = {one.node.node_id: one.node.get_content() for one in passages}
    citations = Citations(passages, texts)
    pieces = synthesize_parts(parts, passages, citations=citations, embedding=embedding)
    text = "".join([piece async for piece in pieces])
    return text, [citation.quote for citation in citations.made]


def test_the_evidence_has_each_passage_once_and_the_best_of_each_part_first() -> None:
    assert evidence([WHEN, WHO]) == [CATS, BEES, DOGS]
    assert evidence([]) == []


async def test_each_part_has_its_question_and_its_sentences(embedding: BaseEmbedding) -> None:
    text, quotes = await written([WHEN, WHO], embedding)
    assert text == (
        "When do cats sleep?\nCats sleep all day. [1]\n\n"
        "Who makes honey, bees?\nBees make honey. [2]"
    )
    assert quotes == ["Cats sleep all day.", "Bees make honey."]


async def test_a_question_of_one_part_has_no_heading(embedding: BaseEmbedding) -> None:
    text, _ = await written([WHO], embedding)
    assert text == "Bees make honey. [1]"


async def test_a_part_that_nothing_answers_says_so(embedding: BaseEmbedding) -> None:
    what = SubQuestion(2, "Quantum chromodynamics?", "", passages=(BEES,))
    text, _ = await written([WHEN, what], embedding)
    assert text.endswith("\n\nQuantum chromodynamics?\nThe documents do not answer this.")


async def test_where_no_part_is_answered_it_is_said_once(embedding: BaseEmbedding) -> None:
    what = SubQuestion(1, "Quantum chromodynamics?", "", passages=(BEES,))
    why = SubQuestion(2, "Nothing?", "")
    assert await written([what, why], embedding) == ("The documents do not answer this.", [])
