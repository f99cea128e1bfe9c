"""Rewrite: the question's own words first, then those that what was found has in common."""

from llama_index.core.schema import NodeWithScore, TextNode

from alir.steps.agent.rewrite import prompt, query_of, rewrite

QUESTION = "What do the old cats do in winter?"


def found(*texts: str) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text), score=1.0) for text in texts]


def test_first_only_the_words_that_carry_meaning_are_left() -> None:
    assert rewrite(QUESTION, [QUESTION], []) == "old cats winter"


def test_then_the_words_that_most_of_the_passages_share_are_added() -> None:
    passages = found("Cats doze by the stove.", "A stove is warm; they doze.", "Birds doze too.")
    tried = [QUESTION, "old cats winter"]
    assert rewrite(QUESTION, tried, passages) == "old cats winter doze stove"


def test_when_no_other_words_are_left_there_is_no_query() -> None:
    assert rewrite(QUESTION, [QUESTION, "old cats winter"], found("Birds.", "Fish.")) is None
    assert rewrite("Why?", ["Why?"], []) is None
    assert rewrite("cats", ["cats"], []) is None


def test_a_model_is_told_what_was_tried_and_never_what_was_found() -> None:
    [_, user] = prompt(QUESTION, [QUESTION, "old cats"])
    assert user.content == f"Question: {QUESTION}\n\nQueries tried:\n- {QUESTION}\n- old cats"


def test_a_query_that_was_tried_is_none() -> None:
    assert query_of(["old cats", "felines in the cold"], ["old cats"]) == "felines in the cold"
    assert query_of(["old cats"], ["old cats"]) is None
    assert query_of([], []) is None
