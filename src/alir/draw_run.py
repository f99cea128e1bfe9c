"""The picture of one run: one HTML file with no script that needs no network and no other file.

The graph is LlamaIndex's `get_workflow_representation`; what ran is from `alir.recording`. The
library's `draw_most_recent_execution` is not used: it links every event to an outside step, and
the members of a list to none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import TypeAlias

from workflows import Workflow
from workflows.events import Event
from workflows.representation import (
    WorkflowEventNode,
    WorkflowStepNode,
    get_workflow_representation,
)

from alir.errors import PictureUnwritable
from alir.layers import Edge, Point, arrange
from alir.page_file import require_writable, write_page
from alir.recording import Execution, Recorder, StepRun, Tally

AnyWorkflow: TypeAlias = Workflow | type[Workflow]

LETTER = 8.2
"""Pixels that a fixed-pitch letter of 13 pixels takes, at most."""
STRETCH = 1.7
"""The rows of `arrange` are for one line of text; a step here has up to three."""
STEP_HEIGHT, EVENT_HEIGHT, MARGIN = 62, 28, 14
HEAD = ("step", "ran", "at once", "total", "median", "longest", "errors", "retries")


@contextmanager
def drawing(
    workflow: AnyWorkflow,
    file: Path | None,
    *,
    about: str = "",
    tell: Callable[[Event], str] = lambda _: "",
) -> Iterator[Recorder | None]:
    """Draw the run that is recorded within, also one that fails; without a file, do nothing.

    Raises `PictureUnwritable` if the file cannot be written, before the run where that is known.
    """
    if file is None:
        yield None
        return
    require_writable(file)
    recorder = Recorder(tell)
    try:
        yield recorder
    finally:
        if not recorder.is_empty:
            try:
                draw_run(workflow, recorder.execution(), file, about=about)
            except OSError as error:
                raise PictureUnwritable(file, error.strerror or str(error)) from error


def draw_run(workflow: AnyWorkflow, run: Execution, path: Path, *, about: str = "") -> Path:
    """Write the page of a run, whole or not at all; give its path back.

    Raises OSError if the file cannot be written.
    """
    name = workflow.__name__ if isinstance(workflow, type) else type(workflow).__name__
    tallies = run.tallies()
    page = Template((files("alir") / "draw_run.html").read_text("utf-8")).substitute(
        title=escape(f"A run of {name}"),
        about=f"<p>{escape(about)}</p>" if about else "",
        ending=escape(_ending(run, tallies)),
        failed="failed" if run.ending in {"failed", "timed out"} else "",
        graph=_graph(workflow, run, tallies),
        head="".join(f"<th>{cell}</th>" for cell in HEAD),
        rows="\n".join(_row(step, tally) for step, tally in tallies.items()),
        axis="".join(f"<span>{_seconds(run.seconds * part / 4)}</span>" for part in range(5)),
        lanes="\n".join(_lanes(run)),
        told=_told(run),
    )
    return write_page(page, path)


# Words.


def _ending(run: Execution, tallies: Mapping[str, Tally]) -> str:
    runs = sum(tally.runs for tally in tallies.values())
    counts = [_count(runs, "execution", "executions") + f" of {_count(len(tallies), 'step')}"]
    for number, noun in (
        (sum(tally.errors for tally in tallies.values()), "error"),
        (sum(tally.retries for tally in tallies.values()), "retry"),
    ):
        counts += [_count(number, noun)] if number else []
    ended = {"unfinished": "interrupted"}.get(run.ending, run.ending).capitalize()
    reason = f" {run.reason}" if run.reason else ""
    return f"{ended} after {_seconds(run.seconds)}: {', '.join(counts)}.{reason}"


def _count(number: int, noun: str, plural: str = "") -> str:
    plural = plural or {"retry": "retries"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"


def _seconds(seconds: float) -> str:
    if seconds and seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.2f} s" if seconds else "0 s"


def _row(step: str, tally: Tally) -> str:
    times = map(_seconds, (tally.total_s, tally.median_s, tally.longest_s))
    numbers = (tally.runs, tally.at_once, *times, tally.errors, tally.retries)
    cells = "".join(f"<td>{number}</td>" for number in numbers)
    return f'<tr><th scope="row">{escape(step)}</th>{cells}</tr>'


def _told(run: Execution) -> str:
    if not run.told:
        return ""
    items = "\n".join(
        f"<li><time>{_seconds(one.at_s)}</time><span>{escape(one.text)}</span></li>"
        for one in run.told
    )
    return f'<section><h2>What was decided</h2>\n<ol class="told">\n{items}\n</ol></section>'


# The graph.


def _graph(workflow: AnyWorkflow, run: Execution, tallies: Mapping[str, Tally]) -> str:
    graph = get_workflow_representation(workflow)
    lines: dict[str, list[str]] = {}
    looks: dict[str, str] = {}
    passed = {run.takes for run in run.steps} | {run.gives for run in run.steps}
    for node in graph.nodes:
        if isinstance(node, WorkflowStepNode):
            lines[node.id] = [node.id, *_measured(tallies.get(node.id))]
            looks[node.id] = "step" if node.id in tallies else "step unseen"
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


def _measured(tally: Tally | None) -> list[str]:
    """Two lines below the name of a step."""
    if tally is None:
        return ["did not run", ""]
    at_once = f", {tally.at_once} at once" if tally.at_once > 1 else ""
    marks = [_count(tally.errors, "error")] if tally.errors else []
    marks += [_count(tally.retries, "retry")] if tally.retries else []
    return [
        f"{tally.runs}×{at_once} · {_seconds(tally.total_s)}",
        "! " * bool(marks) + ", ".join(marks),
    ]


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
        f'<g class="{look}"><rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" '
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


# The timeline.


def _lanes(run: Execution) -> Iterator[str]:
    lanes: dict[tuple[str, str], list[StepRun]] = {}
    order = list(dict.fromkeys(one.step for one in run.steps))
    for one in run.steps:
        lanes.setdefault((one.step, one.worker), []).append(one)
    for step, worker in sorted(
        lanes, key=lambda lane: (order.index(lane[0]), len(lane[1]), lane[1])
    ):
        alone = sum(name == step for name, _ in lanes) == 1
        name = step if alone else f"{step} {int(worker) + 1 if worker.isdigit() else worker}"
        bars = "".join(_bar(one, run.seconds) for one in lanes[step, worker])
        yield _lane(name, bars)
    if run.waits:
        bars = "".join(
            _span(
                "waiting", start, end, run.seconds, f"waited {_seconds(end - start)} for a person"
            )
            for start, end in run.waits
        )
        yield _lane("a person", bars)


def _lane(name: str, bars: str) -> str:
    return f'<div class="lane"><b>{escape(name)}</b><div class="track">{bars}</div></div>'


def _bar(one: StepRun, total: float) -> str:
    look = f"{one.ending}{' retry' if one.is_retry else ''}"
    gives = f", gave {one.gives}" if one.gives else ""
    ending = "" if one.ending == "done" else f"; {one.ending}"
    again = "; a retry" if one.is_retry else ""
    says = (
        f"{one.step}: {_seconds(one.seconds)}, from {_seconds(one.start_s)}; "
        f"took {one.takes}{gives}{ending}{again}"
    )
    return _span(look, one.start_s, one.end_s, total, says)


def _span(look: str, start: float, end: float, total: float, says: str) -> str:
    left, width = (100 * part / (total or 1) for part in (start, end - start))
    # The shortest bar is 3 pixels, and the last of them must not stand outside its lane.
    place = f"left:min({left:.3f}%,100% - 3px);width:max({width:.3f}%,3px)"
    return f'<i class="{look}" style="{place}" title="{escape(says)}"></i>'
