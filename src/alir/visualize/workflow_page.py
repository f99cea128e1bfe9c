"""The picture of a workflow: one HTML file that needs no network, no server and no other file.

LlamaIndex's `draw_all_possible_flows` says what there is to draw. Left to itself it writes a page
that takes its scripts from the web, copies a folder into the working directory, prints, and opens
a browser; here it draws on a canvas that only remembers, and the page is ours (`draw.html`).
"""

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from string import Template
from threading import Lock
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from llama_index.utils import workflow as library
from workflows import Workflow
from workflows.events import Event
from workflows.representation import (
    WorkflowEventNode,
    WorkflowGraph,
    WorkflowStepNode,
    get_workflow_representation,
)

from alir.visualize.graph_layout import Edge, GraphLayout, arrange
from alir.visualize.page_file import write_page

AnyWorkflow: TypeAlias = Workflow | type[Workflow]

ROW = 60
"""Pixels above and below the middle of the first and the last row, together, and some margin."""
LEAST_SCALE = 0.78
"""Letters of 15 pixels have more than 10 then; vis-network leaves a margin around a picture."""
_VIS_NETWORK = "templates/lib/vis-9.1.2/vis-network.min.js"
_ONE_AT_A_TIME = Lock()

_LOOKS: dict[str, dict[str, Any]] = {
    "step": {"shapeProperties": {"borderRadius": 3}},
    "event": {"shapeProperties": {"borderRadius": 16}},
    "start": {"shapeProperties": {"borderRadius": 16}, "borderWidth": 2.5},
    "stop": {"shapeProperties": {"borderRadius": 16}, "borderWidth": 2.5},
}
"""Shape by kind of node; the colours are in the style sheet, for a light and a dark theme."""
_UNSEEN = {"shape": "dot", "size": 0, "borderWidth": 0, "opacity": 0}


def draw_flow(workflow: AnyWorkflow, path: Path, *, title: str, about: str = "") -> Path:
    """Write the page of all possible flows of a workflow, whole or not at all; give its path back.

    The same workflow and words make the same bytes. Folders on the way are created.
    Raises OSError if the file cannot be written.
    """
    return write_page(_page(workflow, title, about), path)


def _page(workflow: AnyWorkflow, title: str, about: str) -> str:
    canvas = _drawn(workflow)
    graph = get_workflow_representation(workflow)
    steps = _steps(workflow, graph)
    layout = arrange(
        {name: _width(node["label"]) for name, node in canvas.nodes.items()}, list(canvas.edges)
    )
    picture = _picture(canvas, layout, _kinds(graph), {edge for s in steps for edge in s.lists})
    steps.sort(key=lambda step: layout.centres[step.name][::-1])
    script = (files("pyvis") / _VIS_NETWORK).read_text("utf-8")
    return Template((files("alir.visualize") / "workflow_page.html").read_text("utf-8")).substitute(
        title=html.escape(title),
        about=f"<p>{html.escape(about)}</p>" if about else "",
        steps="\n".join(_list_item(step) for step in steps),
        least_height=_least_height(layout),
        # "<" would let a label end the script element it stands in.
        graph=json.dumps(picture, indent=1).replace("<", "\\u003c"),
        # Its last line names a source map, which a browser's debugger would ask for.
        vis_network=script.partition("//# sourceMappingURL")[0],
    )


# What the library draws.


@dataclass
class _Canvas:
    """All that the library needs of a pyvis `Network`; it remembers what is drawn on it."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: dict[Edge, dict[str, Any]] = field(default_factory=dict)

    def add_node(self, name: str, *, label: str, color: str, **_style: object) -> None:
        self.nodes[name] = {"id": name, "label": label, "color": color}

    def add_edge(self, source: str, target: str, **label: str) -> None:
        self.edges[source, target] = label

    def show(self, *_args: object, **_options: object) -> None:
        """Do nothing: pyvis would write, print and open a browser here."""


def _drawn(workflow: AnyWorkflow) -> _Canvas:
    canvas = _Canvas()
    module = vars(library)
    with _ONE_AT_A_TIME:  # the class to draw with can be named nowhere but in the module itself
        network = module["Network"]
        module["Network"] = lambda **_options: canvas
        try:
            library.draw_all_possible_flows(workflow, "nothing is written")
        finally:
            module["Network"] = network
    # A step that takes events by their base class gets its edges from a set, in no stable order.
    canvas.edges = {edge: canvas.edges[edge] for edge in sorted(canvas.edges)}
    return canvas


def _kinds(graph: WorkflowGraph) -> dict[str, str]:
    """The names of the nodes that the legend explains, each with its kind."""
    kinds = {}
    for node in graph.nodes:
        if isinstance(node, WorkflowStepNode):
            kinds[node.id] = "step"
        elif isinstance(node, WorkflowEventNode):
            start, stop = node.is_subclass_of("StartEvent"), node.is_subclass_of("StopEvent")
            kinds[node.id] = "start" if start else "stop" if stop else "event"
    return kinds


# What the page draws.


def _width(label: str) -> float:
    """Pixels that a box takes, at most: a fixed-pitch letter is 0.6 of its size wide or less."""
    return len(label) * 15 * 0.62 + 28


def _least_height(layout: GraphLayout) -> int:
    """Pixels below which the letters of a flow of many rows are too small to be read."""
    rows = [y for _, y in layout.centres.values()]
    return round((max(rows) - min(rows) + ROW) * LEAST_SCALE)


def _picture(
    canvas: _Canvas, layout: GraphLayout, kinds: Mapping[str, str], lists: Iterable[Edge]
) -> dict[str, list[dict[str, Any]]]:
    """The nodes and edges for vis-network; a bend in an edge is a node that cannot be seen."""
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    for name, node in canvas.nodes.items():
        x, y = layout.centres[name]
        if name in kinds:
            look = {"kind": kinds[name], **_LOOKS[kinds[name]]}
        else:
            look = {"color": node["color"], "font": {"color": "#1d2329"}}
        nodes.append({"id": name, "label": node["label"], "x": x, "y": y, **look})
    for (source, target), label in canvas.edges.items():
        bends = layout.bends.get((source, target), [])
        names = [f"{source} to {target}, bend {i}" for i in range(len(bends))]
        for name, (x, y) in zip(names, bends, strict=True):
            nodes.append({"id": name, "x": x, "y": y, **_UNSEEN})
        width = {"width": 4} if (source, target) in lists else {}
        legs = [{"from": a, "to": b, **width} for a, b in pairwise([source, *names, target])]
        legs[0] |= label
        legs[-1] |= {"arrows": "to"}
        if not bends and (target, source) in canvas.edges and source > target:
            # There and back between two neighbours: one of the two lines steps aside.
            legs[0] |= {"smooth": {"type": "curvedCW", "roundness": 0.4}}
        edges += legs
    return {"nodes": nodes, "edges": edges}


# What the page says in words.


@dataclass(frozen=True)
class _Step:
    """A step in the words of its annotations."""

    name: str
    takes: str
    gives: str
    description: str
    lists: frozenset[Edge]
    """The edges into and out of the step along which a list of events goes."""


def _steps(workflow: AnyWorkflow, graph: WorkflowGraph) -> list[_Step]:
    steps = []
    for node in graph.nodes:
        if not isinstance(node, WorkflowStepNode):
            continue
        hints = _hints(workflow, node.id)
        gives = hints.pop("return", None)
        takes = [hint for hint in hints.values() if _events(hint)]
        sources = [edge.source for edge in graph.edges if edge.target == node.id]
        targets = [edge.target for edge in graph.edges if edge.source == node.id]
        into = [(event, node.id) for hint in takes for event in _events(hint, listed=True)]
        out_of = [(node.id, event) for event in _events(gives, listed=True)]
        steps.append(
            _Step(
                name=node.id,
                takes=", ".join(map(_words, takes)) or " | ".join(sources),
                gives=_words(gives) if gives else " | ".join(targets),
                description=(node.description or "").partition("\n")[0],
                lists=frozenset(into + out_of),
            )
        )
    return steps


def _hints(workflow: AnyWorkflow, step: str) -> dict[str, Any]:
    """The annotations of a step; empty where the edges must speak for it."""
    try:
        return get_type_hints(getattr(workflow, step))
    except (AttributeError, NameError):
        # A step outside its class, or an annotation written as text with a local name in it.
        return {}


def _events(hint: Any, *, listed: bool = False) -> list[str]:
    """The event classes an annotation names, or only those in a list."""
    if isinstance(hint, type) and issubclass(hint, Event):
        return [] if listed else [hint.__name__]
    inside = listed and get_origin(hint) is not list
    return [event for part in get_args(hint) for event in _events(part, listed=inside)]


def _words(hint: Any) -> str:
    if get_origin(hint) in {Union, UnionType}:
        return " | ".join(map(_words, get_args(hint)))
    if get_origin(hint) is list:
        return f"list[{', '.join(map(_words, get_args(hint)))}]"
    return "None" if hint is NoneType else str(getattr(hint, "__name__", hint))


def _list_item(step: _Step) -> str:
    # ">" needs no escape in text, and a plain arrow is what people search a file for.
    line = html.escape(f"{step.name}: {step.takes} -> {step.gives}").replace("&gt;", ">")
    description = f"<span>{html.escape(step.description)}</span>" if step.description else ""
    return f"<li><code>{line}</code>{description}</li>"
