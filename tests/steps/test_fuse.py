"""Fuse: reciprocal rank fusion, with the sums written out."""

from llama_index.core.schema import NodeWithScore, TextNode

from alir.steps.fuse import fuse


def branch(*ids: str, score: float = 0.5) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(id_=i, text=f"text of {i}"), score=score) for i in ids]


def fused(*branches: list[NodeWithScore], top_k: int = 10) -> list[tuple[str, float | None]]:
    return [(passage.node.node_id, passage.score) for passage in fuse(branches, top_k=top_k)]


def test_a_passage_scores_the_sum_of_its_reciprocal_ranks() -> None:
    assert fused(branch("a", "b", "c"), branch("c", "a", "d")) == [
        ("a", 1 / 61 + 1 / 62),
        ("c", 1 / 63 + 1 / 61),
        ("b", 1 / 62),
        ("d", 1 / 63),
    ]


def test_what_both_branches_found_late_beats_what_one_found_first() -> None:
    late = [f"only first {rank}" for rank in range(1, 10)]
    other = [f"only second {rank}" for rank in range(1, 10)]

    [best, *rest] = fused(branch(*late, "both"), branch(*other, "both"), top_k=30)

    assert best == ("both", 1 / 70 + 1 / 70)
    assert rest[0] == ("only first 1", 1 / 61)


def test_the_branches_own_scores_do_not_matter() -> None:
    first, second = branch("a", "b", score=0.001), branch("c", score=1_000.0)

    assert fused(first, second) == [("a", 1 / 61), ("c", 1 / 61), ("b", 1 / 62)]


def test_equal_scores_keep_the_order_in_which_they_came() -> None:
    assert fused(branch("b", "x"), branch("a", "x"), branch("c")) == [
        ("x", 1 / 62 + 1 / 62),
        ("b", 1 / 61),
        ("a", 1 / 61),
        ("c", 1 / 61),
    ]


def test_no_more_than_top_k_come_and_they_are_the_best() -> None:
    branches = (branch("a", "b", "c"), branch("c"))

    assert [i for i, _ in fused(*branches, top_k=2)] == ["c", "a"]
    assert fused(*branches, top_k=0) == []


def test_one_branch_alone_keeps_its_order() -> None:
    assert [i for i, _ in fused(branch("c", "a", "b"), [])] == ["c", "a", "b"]


def test_nothing_found_is_nothing() -> None:
    assert fused() == []
    assert fused([], []) == []


def test_the_passages_given_are_left_as_they_are() -> None:
    given = branch("a")

    [passage] = fuse([given, branch("a")], top_k=1)

    assert given[0].score == 0.5
    assert passage.node is given[0].node
