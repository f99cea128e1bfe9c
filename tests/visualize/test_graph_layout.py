import random
from itertools import pairwise

import pytest

from alir.visualize.graph_layout import BEND_WIDTH, GAP, ROW_HEIGHT, Edge, arrange


def test_a_chain_stands_in_one_column_in_its_order() -> None:
    layout = arrange({"c": 90, "a": 40, "b": 200}, [("b", "c"), ("a", "b")])

    assert layout.centres == {"a": (0, 0), "b": (0, ROW_HEIGHT), "c": (0, 2 * ROW_HEIGHT)}
    assert layout.bends == {("b", "c"): [], ("a", "b"): []}


def test_siblings_stand_a_gap_apart_on_both_sides_of_their_parent() -> None:
    layout = arrange({"plan": 50, "left": 100, "right": 60}, [("plan", "left"), ("plan", "right")])

    (left, _), (right, _) = sorted(layout.centres[name] for name in ("left", "right"))
    assert right - left == 100 / 2 + GAP + 60 / 2
    assert left + right == 2 * layout.centres["plan"][0]


def test_an_edge_past_a_row_bends_beside_what_stands_there() -> None:
    edges = [("a", "b"), ("b", "c"), ("a", "c")]
    layout = arrange({"a": 50, "b": 120, "c": 50}, edges)

    ((x, y),) = layout.bends["a", "c"]
    assert y == ROW_HEIGHT
    assert abs(x - layout.centres["b"][0]) == 120 / 2 + GAP + BEND_WIDTH / 2


def test_an_edge_back_up_bends_in_its_own_direction() -> None:
    edges = [("start", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    layout = arrange(dict.fromkeys(["start", "a", "b", "c", "d"], 50), edges)

    rows = [layout.centres[name][1] // ROW_HEIGHT for name in ("start", "a", "b", "c", "d")]
    assert rows == [0, 1, 2, 3, 4]
    assert [y // ROW_HEIGHT for _, y in layout.bends["d", "a"]] == [3, 2]


def test_two_parents_and_their_children_are_ordered_so_that_no_edge_crosses() -> None:
    edges = [("root", "a"), ("root", "b"), ("a", "y"), ("b", "x")]
    layout = arrange(dict.fromkeys(["root", "a", "b", "x", "y"], 50), edges)

    across = {name: x for name, (x, _) in layout.centres.items()}
    assert (across["a"] < across["b"]) == (across["y"] < across["x"])


def test_nothing_and_a_node_alone_can_be_arranged() -> None:
    assert arrange({}, []).centres == {}
    assert arrange({"a": 50}, [("a", "a")]).centres == {"a": (0, 0)}


@pytest.mark.parametrize("seed", range(60))
def test_no_two_nodes_of_any_graph_touch_and_edges_only_join_neighbouring_rows(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a picture is no secret)
    names = [f"n{i}" for i in range(chance.randint(1, 25))]
    widths: dict[str, float] = {name: chance.randint(30, 240) for name in names}
    edges: list[Edge] = [
        (chance.choice(names), chance.choice(names)) for _ in range(chance.randint(0, 40))
    ]

    layout = arrange(widths, edges)

    rows: dict[int, list[tuple[float, float]]] = {}
    for name, (x, y) in layout.centres.items():
        rows.setdefault(y, []).append((x - widths[name] / 2, x + widths[name] / 2))
    for bends in layout.bends.values():
        for x, y in bends:
            rows.setdefault(y, []).append((x - BEND_WIDTH / 2, x + BEND_WIDTH / 2))
    for row in rows.values():
        for (_, right), (left, _) in pairwise(sorted(row)):
            assert left - right >= GAP - 1, "rounding may take one pixel"

    for (source, target), bends in layout.bends.items():
        way = [layout.centres[source], *bends, layout.centres[target]]
        steps = {(below - above) // ROW_HEIGHT for (_, above), (_, below) in pairwise(way)}
        assert steps in ({1}, {-1})
    assert layout == arrange(widths, edges)
