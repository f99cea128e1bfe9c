"""The graph of a workflow as SVG: its steps and events, what ran, and what did not.

The graph is LlamaIndex's `get_workflow_representation`; the page's style sheet gives the looks.
"""

from collections.abc import Collection, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TypeAlias

from workflows import Workflow
from workflows.representation import (
    WorkflowEventNode,
    WorkflowStepNode,
    get_workflow_representation,
)

from alir.visualize.graph_layout import Edge, Point, arrange

AnyWorkflow: TypeAlias = Workflow | type[Workflow]

LETTER = 8.2
"""Pixels that a fixed-pitch letter of 13 pixels takes, at most."""
STRETCH = 1.7
"""The rows of `arrange` are for one line of text; a step here has up to three."""
STEP_HEIGHT, EVENT_HEIGHT, MARGIN = 62, 28, 14


def svg(
    workflow: AnyWorkflow,
    *,
    measured: Mapping[str, Sequence[str]],
    passed: Collection[str | None],
    unmeasured: Sequence[str] = ("did not run", ""),
) -> str:
    """Return the picture, its elements marked with the names of steps and events.

    Args:
        measured: two lines below the name of each step that ran.
        passed: the names of the events that were there.
        unmeasured: the lines below the name of a step that did not run.
    """
    lines: dict[str, list[str]] = {}
    looks: dict[str, str] = {}
    graph = get_workflow_representation(workflow)
    for node in graph.nodes:
        if isinstance(node, WorkflowStepNode):
            lines[node.id] = [node.id, *measured.get(node.id, unmeasured)]
            looks[node.id] = "step" if node.id in measured else "step unseen"
        elif isinstance(node, WorkflowEventNode):
            lines[node.id] = [node.event_type]
            looks[node.id] = "event" if node.event_type in passed else "event unseen"
    edges = sorted(
        {
            (edge.source, edge.target)
            for edge in graph.edges
            if {edge.source, edge.target} <= {*lines}
        }
    )
    widths = {name: max(map(len, text)) * LETTER + 24 for name, text in lines.items()}
    layout = arrange(widths, edges)
    centres = {name: _stretched(at) for name, at in layout.centres.items()}
    bends = {edge: [_stretched(at) for at in points] for edge, points in layout.bends.items()}
    everything = [*centres.values(), *(point for points in bends.values() for point in points)]
    left = min([x - widths[n] / 2 for n, (x, _) in centres.items()] + [x for x, _ in everything])
    right = max([x + widths[n] / 2 for n, (x, _) in centres.items()] + [x for x, _ in everything])
    top = min(y for _, y in everything) - STEP_HEIGHT / 2 - MARGIN
    wide = right - left + 2 * MARGIN
    high = max(y for _, y in everything) + STEP_HEIGHT / 2 + MARGIN - top
    heights = {n: EVENT_HEIGHT if len(text) == 1 else STEP_HEIGHT for n, text in lines.items()}
    drawn = [
        _line(edge, centres, bends.get(edge, []), heights, "unseen" if _dim(edge, looks) else "")
        for edge in edges
    ]
    drawn += [_box(lines[n], looks[n], centres[n], widths[n], heights[n]) for n in lines]
    return (
        f'<svg width="{wide:.0f}" height="{high:.0f}" role="img" '
        f'aria-label="The steps and events of the workflow; the table says the same in numbers" '
        f'viewBox="{left - MARGIN:.0f} {top:.0f} {wide:.0f} {high:.0f}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
        f"{''.join(drawn)}</svg>"
    )


def _stretched(at: Point) -> Point:
    return at[0], round(at[1] * STRETCH)


def _dim(edge: Edge, looks: Mapping[str, str]) -> bool:
    return any(looks[end].endswith("unseen") for end in edge)


def _box(lines: Sequence[str], look: str, at: Point, width: float, height: int) -> str:
    x, y = at
    text = [line for line in lines if line]
    first = y - (len(text) - 1) * 8 + 4.5
    rows = "".join(
        f'<text class="line{number}" x="{x}" y="{first + number * 16:g}">{escape(line)}</text>'
        for number, line in enumerate(text)
    )
    radius = 4 if look.startswith("step") else height / 2
    return (
        f'<g class="{look}" data-name="{escape(lines[0])}">'
        f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" '
        f'height="{height}" rx="{radius:g}"/>{rows}</g>'
    )


def _line(
    edge: Edge,
    centres: Mapping[str, Point],
    bends: Sequence[Point],
    heights: Mapping[str, int],
    look: str,
) -> str:
    """A line from box to box that leaves and enters every point straight up or down."""
    (x, y), (to_x, to_y) = (centres[end] for end in edge)
    down = 1 if to_y > y else -1
    points = [
        (x, y + down * heights[edge[0]] / 2),
        *bends,
        (to_x, to_y - down * heights[edge[1]] / 2),
    ]
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        half = (y0 + y1) / 2
        path.append(f"C{x0:g} {half:g} {x1:g} {half:g} {x1:g} {y1:g}")
    return f'<path class="edge {look}" marker-end="url(#tip)" d="{"".join(path)}"/>'
