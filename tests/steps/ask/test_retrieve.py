"""Retrieve: the nearest passages, best first, by vector or by words."""

from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from alir.errors import KeywordSearchUnavailable
from alir.steps.ask.retrieve import retrieve_dense, retrieve_keyword


def found(passages: list[NodeWithScore]) -> list[tuple[str, float | None]]:
    return [(passage.node.node_id, passage.score) for passage in passages]


@pytest.fixture
def animals(store: Any) -> Any:
    store.add(
        [
            TextNode(id_="birds", text="birds fly in winter", embedding=[0.5, 0.5]),
            TextNode(id_="cats", text="cats sleep", embedding=[0.0, 1.0]),
            TextNode(id_="dogs", text="dogs bark in winter at birds", embedding=[1.0, 0.0]),
        ]
    )
    return store


async def test_the_passages_nearest_to_a_vector_come_best_first(animals: Any) -> None:
    passages = await retrieve_dense([1.0, 0.2], top_k=3, vector_store=animals)

    assert found(passages) == [("dogs", 1.0), ("birds", 0.6), ("cats", 0.2)]
    assert passages[0].node.get_content() == "dogs bark in winter at birds"


async def test_the_passages_with_the_questions_words_come_best_first(animals: Any) -> None:
    passages = await retrieve_keyword("do dogs bark in winter", top_k=3, vector_store=animals)

    assert found(passages) == [("dogs", 4.0), ("birds", 2.0)]


async def test_no_more_than_top_k_passages_come(animals: Any) -> None:
    assert len(await retrieve_dense([1.0, 1.0], top_k=2, vector_store=animals)) == 2
    assert len(await retrieve_keyword("winter", top_k=1, vector_store=animals)) == 1


async def test_nothing_found_is_an_empty_list(animals: Any, store: Any) -> None:
    assert await retrieve_keyword("elephants", top_k=3, vector_store=animals) == []
    assert await retrieve_dense([1.0, 0.0], top_k=3, vector_store=type(store)()) == []


async def test_a_store_without_keyword_search_says_so(store: Any) -> None:
    class Wordless(type(store)):  # type: ignore[misc]
        async def aquery(self, query: Any, **_: Any) -> Any:
            raise KeywordSearchUnavailable("alir")

    with pytest.raises(KeywordSearchUnavailable):
        await retrieve_keyword("winter", top_k=3, vector_store=Wordless())
