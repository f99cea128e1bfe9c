"""Interleave: the best of every search first."""

from llama_index.core.schema import NodeWithScore, TextNode

from alir.steps.agent.interleave import interleave

A, B, C, D = (NodeWithScore(node=TextNode(id_=name, text=name)) for name in "ABCD")


def test_the_first_of_every_search_comes_before_the_second_of_any() -> None:
    assert interleave([[A, B], [C, D]]) == [A, C, B, D]


def test_a_passage_that_several_searches_found_stands_once_where_it_ranks_best() -> None:
    assert interleave([[A, B, C], [C, A]]) == [A, C, B]


def test_a_search_that_found_less_leaves_its_places_to_the_others() -> None:
    assert interleave([[A], [B, C, D]]) == [A, B, C, D]
    assert interleave([[], [A]]) == [A]
    assert interleave([]) == []
