"""Rerank: LlamaIndex's postprocessors, one after another."""

from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from alir.steps.ask.rerank import rerank


class MostWordsOfTheQuestion(BaseNodePostprocessor):
    """Puts first what shares most words with the question."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        words = set(query_bundle.query_str.split()) if query_bundle else set()
        shared = [len(words & set(one.node.get_content().split())) for one in nodes]
        scored = [
            NodeWithScore(node=one.node, score=n) for one, n in zip(nodes, shared, strict=True)
        ]
        return sorted(scored, key=lambda one: -(one.score or 0))


def passages(*texts: str) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text), score=0.5) for text in texts]


async def test_a_postprocessor_orders_by_the_question_and_the_best_stay() -> None:
    given = passages("tea", "two cats", "two cats sleep")

    found = await rerank(
        "two cats sleep", given, node_postprocessors=[MostWordsOfTheQuestion()], top_k=2
    )

    assert [one.node.get_content() for one in found] == ["two cats sleep", "two cats"]


async def test_a_postprocessor_gets_what_the_one_before_it_left() -> None:
    least_two = SimilarityPostprocessor(similarity_cutoff=1.5)

    found = await rerank(
        "two cats sleep",
        passages("tea", "two cats", "two cats sleep"),
        node_postprocessors=[MostWordsOfTheQuestion(), least_two],
        top_k=5,
    )

    assert [one.score for one in found] == [3, 2]


async def test_without_a_postprocessor_the_order_stays_and_the_list_given_too() -> None:
    given = passages("a", "b", "c")

    assert await rerank("b", given, node_postprocessors=[], top_k=2) == given[:2]
    assert len(given) == 3
