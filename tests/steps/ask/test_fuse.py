"""Fuse: ranks and scores, with the sums written out."""

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from alir.models.answers import Fusion
from alir.steps.ask.fuse import fuse

RANKS = Fusion("rank", 0.5)


def branch(*ids: str, score: float = 0.5) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(id_=i, text=f"text of {i}"), score=score) for i in ids]


def scored(**scores: float) -> list[NodeWithScore]:
    return [passage for i, score in scores.items() for passage in branch(i, score=score)]


def fused(
    dense: list[NodeWithScore],
    keyword: list[NodeWithScore],
    *,
    fusion: Fusion = RANKS,
    top_k: int = 10,
) -> list[tuple[str, float | None]]:
    found = fuse({"dense": dense, "keyword": keyword}, fusion=fusion, top_k=top_k)
    return [(passage.node.node_id, passage.score) for passage in found]


def test_by_rank_a_passage_scores_the_weighted_sum_of_its_reciprocal_ranks() -> None:
    found = fused(branch("a", "b", "c"), branch("c", "a", "d"), fusion=Fusion("rank", 0.25))

    assert found == [
        ("a", 0.75 / 61 + 0.25 / 62),
        ("c", 0.75 / 63 + 0.25 / 61),
        ("b", 0.75 / 62),
        ("d", 0.25 / 63),
    ]


def test_by_score_a_passage_scores_the_weighted_sum_of_its_shares_of_the_best() -> None:
    dense, keyword = scored(a=0.8, b=0.4, c=-0.2), scored(c=30.0, d=15.0, a=3.0)

    assert fused(dense, keyword, fusion=Fusion("score", 0.25)) == [
        ("a", pytest.approx(0.75 + 0.25 / 10)),
        ("b", pytest.approx(0.75 / 2)),
        ("c", 0.25),
        ("d", 0.25 / 2),
    ]


def test_by_spread_a_passage_scores_the_weighted_sum_of_its_places_between_worst_and_best() -> None:
    dense, keyword = scored(a=0.9, b=0.7, c=0.5), scored(c=30.0, d=20.0, a=10.0)

    assert fused(dense, keyword, fusion=Fusion("spread", 0.25)) == [
        ("a", 0.75),
        ("b", pytest.approx(0.75 / 2)),
        ("c", 0.25),
        ("d", 0.25 / 2),
    ]


@pytest.mark.parametrize("fusion", [Fusion("score"), Fusion("spread")])
def test_the_units_of_a_branchs_scores_do_not_matter(fusion: Fusion) -> None:
    dense, keyword = scored(a=0.9, b=0.8), scored(b=3.0, c=2.0)
    larger = scored(b=3_000.0, c=2_000.0)

    assert fused(dense, keyword, fusion=fusion) == fused(dense, larger, fusion=fusion)


def test_by_spread_equal_ones_are_each_the_best_there_is() -> None:
    assert fused(scored(a=0.0), scored(b=2.0, c=2.0), fusion=Fusion("spread", 0.4)) == [
        ("a", 0.6),
        ("b", 0.4),
        ("c", 0.4),
    ]


def test_by_score_nothing_is_worth_nothing() -> None:
    assert fused(scored(a=0.0), [], fusion=Fusion("score")) == [("a", 0.0)]


def test_what_both_branches_found_late_beats_what_one_found_first_by_rank() -> None:
    late = [f"only first {rank}" for rank in range(1, 10)]
    other = [f"only second {rank}" for rank in range(1, 10)]

    [best, *rest] = fused(branch(*late, "both"), branch(*other, "both"), top_k=30)

    assert best == ("both", 1 / 70)
    assert rest[0] == ("only first 1", 0.5 / 61)


def test_by_rank_the_branches_own_scores_do_not_matter() -> None:
    first, second = branch("a", "b", score=0.001), branch("c", score=1_000.0)

    assert fused(first, second) == [("a", 0.5 / 61), ("c", 0.5 / 61), ("b", 0.5 / 62)]


@pytest.mark.parametrize("by", ["rank", "score", "spread"])
def test_a_weight_of_nothing_or_of_all_leaves_the_other_branch_in_its_order(by: str) -> None:
    dense, keyword = scored(a=0.9, b=0.7, c=0.5), scored(c=30.0, a=20.0, b=10.0)

    def order(weight: float) -> list[str]:
        fusion = Fusion(by, weight)  # type: ignore[arg-type]
        return [i for i, _ in fused(dense, keyword, fusion=fusion)]

    assert order(0) == ["a", "b", "c"]
    assert order(1) == ["c", "a", "b"]


@pytest.mark.parametrize("fusion", [RANKS, Fusion("score", 0.5), Fusion("spread", 0.5)])
def test_no_more_than_top_k_come_and_they_are_the_best(fusion: Fusion) -> None:
    first, second = scored(a=0.9, b=0.8, c=0.7), scored(c=9.0, d=1.0)

    assert len(fused(first, second, fusion=fusion, top_k=2)) == 2
    assert fused(first, second, fusion=fusion, top_k=2) == fused(first, second, fusion=fusion)[:2]
    assert fused(first, second, fusion=fusion, top_k=0) == []


@pytest.mark.parametrize("fusion", [RANKS, Fusion("score", 0.3), Fusion("spread", 0.3)])
def test_one_branch_alone_keeps_its_order(fusion: Fusion) -> None:
    found = scored(c=0.9, a=0.5, b=0.1)

    assert [i for i, _ in fused(found, [], fusion=fusion)] == ["c", "a", "b"]
    assert [i for i, _ in fused([], found, fusion=fusion)] == ["c", "a", "b"]


def test_nothing_found_is_nothing() -> None:
    assert fuse({}, fusion=Fusion(), top_k=3) == []
    assert fused([], []) == []


def test_the_passages_given_are_left_as_they_are() -> None:
    given = branch("a")

    [passage] = fuse({"dense": given, "keyword": branch("a")}, fusion=RANKS, top_k=1)

    assert given[0].score == 0.5
    assert passage.node is given[0].node
