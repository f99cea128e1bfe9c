"""Where the nodes of a directed graph stand when it is drawn from top to bottom.

The method is Sugiyama's (IEEE Transactions on Systems, Man and Cybernetics, 1981): turn round the
edges that close a cycle, put every node below those that lead to it, bend a long edge round the
rows it passes, order each row so that few edges cross, then pull every node towards its neighbours
without letting two touch. The same graph always gives the same picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TypeAlias

Edge: TypeAlias = tuple[str, str]
Point: TypeAlias = tuple[int, int]

# A bend is a node of its own while the graph is arranged: the edge, and the row it passes.
_Node: TypeAlias = str | tuple[Edge, int]
_Links: TypeAlias = Mapping[_Node, Sequence[_Node]]

GAP = 36
"""Pixels left free between two neighbours in a row."""
BEND_WIDTH = 12
ROW_HEIGHT = 58
SWEEPS = 24
"""Passes over the rows; the graphs at hand stand still after half of them."""


@dataclass(frozen=True)
class GraphLayout:
    """Pixels; x grows to the right, y downwards."""

    centres: dict[str, Point]
    bends: dict[Edge, list[Point]]
    """The points an edge passes on its way, in its own direction; empty for a short edge."""


def arrange(widths: Mapping[str, float], edges: Sequence[Edge]) -> GraphLayout:
    """Place nodes, given with the width of each, so that edges lead down where they can."""
    edges = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    turned = _closing_a_cycle(list(widths), edges)
    downward = {edge: edge[::-1] if edge in turned else edge for edge in edges}
    row_of = _rows(list(widths), list(downward.values()))
    chains: dict[Edge, list[_Node]] = {
        edge: [top, *((edge, row) for row in range(row_of[top] + 1, row_of[bottom])), bottom]
        for edge, (top, bottom) in downward.items()
    }

    rows: list[list[_Node]] = [[] for _ in range(max(row_of.values(), default=-1) + 1)]
    for node, row in row_of.items():
        rows[row].append(node)
    above: dict[_Node, list[_Node]] = {node: [] for node in widths}
    below: dict[_Node, list[_Node]] = {node: [] for node in widths}
    for chain in chains.values():
        for bend in chain[1:-1]:
            rows[bend[1] if isinstance(bend, tuple) else 0].append(bend)
        for upper, lower in pairwise(chain):
            below.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)

    rows = _untangled(rows, above, below)
    across = _placed(rows, above, below, widths)
    at = {node: (round(across[node]), y * ROW_HEIGHT) for y, row in enumerate(rows) for node in row}
    return GraphLayout(
        centres={node: at[node] for node in widths},
        bends={
            edge: [at[bend] for bend in (chain[-2:0:-1] if edge in turned else chain[1:-1])]
            for edge, chain in chains.items()
        },
    )


def _closing_a_cycle(nodes: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    """The edges that lead back to a node on the way to them."""
    following: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        following[source].append(target)
    entered = {target for _, target in edges}
    closing: set[Edge] = set()
    done: set[str] = set()
    way: list[str] = []

    def visit(node: str) -> None:
        way.append(node)
        for target in following[node]:
            if target in way:
                closing.add((node, target))
            elif target not in done:
                visit(target)
        done.add(way.pop())

    for node in sorted(nodes, key=lambda node: node in entered):
        if node not in done:
            visit(node)
    return closing


def _rows(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """One row below the lowest node that leads here; the edges have no cycle."""
    leading: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        leading[target].append(source)
    row_of: dict[str, int] = {}

    def row(node: str) -> int:
        if node not in row_of:
            row_of[node] = max((row(source) + 1 for source in leading[node]), default=0)
        return row_of[node]

    return {node: row(node) for node in nodes}


def _untangled(rows: list[list[_Node]], above: _Links, below: _Links) -> list[list[_Node]]:
    """The rows reordered by the mean place of their neighbours; the best of several sweeps."""
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        order = rows if downward else rows[::-1]
        reordered = order[:1]
        for row in order[1:]:
            place = {node: i for i, node in enumerate(reordered[-1])}
            links = above if downward else below
            wanted = {
                node: fmean(place[other] for other in links[node]) if links.get(node) else float(i)
                for i, node in enumerate(row)
            }
            reordered = [*reordered, sorted(row, key=wanted.__getitem__)]
        rows = reordered if downward else reordered[::-1]
        if (crossings := _crossings(rows, below)) < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: Sequence[Sequence[_Node]], below: _Links) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {node: i for i, node in enumerate(lower)}
        ends = [(i, place[other]) for i, node in enumerate(upper) for other in below.get(node, ())]
        count += sum(a < c and b > d for a, b in ends for c, d in ends)
    return count


def _placed(
    rows: Sequence[Sequence[_Node]], above: _Links, below: _Links, widths: Mapping[str, float]
) -> dict[_Node, float]:
    """The x of every node: over and under its neighbours, as far as its own row lets it."""
    across: dict[_Node, float] = {}
    for row in rows:
        across |= zip(row, _kept_apart([0.0] * len(row), row, widths), strict=True)
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 1  # the last sweep is: a chain stands straight below its first node
        links = above if downward else below
        for row in rows if downward else rows[::-1]:
            wanted = [
                fmean(across[other] for other in links[node]) if links.get(node) else across[node]
                for node in row
            ]
            across |= zip(row, _kept_apart(wanted, row, widths), strict=True)
    return across


def _kept_apart(
    wanted: Sequence[float], row: Sequence[_Node], widths: Mapping[str, float]
) -> list[float]:
    """The places nearest to the wanted ones (least squares) that keep the order and the gap.

    Isotonic regression by pooling adjacent violators, on the places less the room to their left.
    """
    half = [(widths[node] if isinstance(node, str) else BEND_WIDTH) / 2 for node in row]
    room = [0.0]
    for left, right in pairwise(half):
        room.append(room[-1] + left + GAP + right)
    pools: list[tuple[float, int]] = []
    for place, needed in zip(wanted, room, strict=False):
        mean, size = place - needed, 1
        while pools and pools[-1][0] > mean:
            left_mean, left_size = pools.pop()
            mean = (left_mean * left_size + mean * size) / (left_size + size)
            size += left_size
        pools.append((mean, size))
    pooled = [mean for mean, size in pools for _ in range(size)]
    return [mean + needed for mean, needed in zip(pooled, room, strict=False)]
