"""The picture of one run: one HTML file with no script that needs no network and no other file.

What ran is from `alir.visualize.recording`, the graph from `alir.visualize.svg`. The library's
`draw_most_recent_execution` is not used: it links every event to an outside step, and the members
of a list to none.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from workflows.events import Event

from alir.errors import PictureUnwritable
from alir.visualize.page_file import require_writable, write_page
from alir.visualize.recording import Execution, Recorder, StepRun, StepSummary
from alir.visualize.svg import AnyWorkflow, svg

HEAD = ("step", "ran", "at once", "total", "median", "longest", "errors", "retries")


@contextmanager
def drawing(
    workflow: AnyWorkflow,
    file: Path | None,
    *,
    about: str = "",
    describe: Callable[[Event], str] = lambda _: "",
) -> Iterator[Recorder | None]:
    """Draw the run that is recorded within, also one that fails; without a file, do nothing.

    Raises `PictureUnwritable` if the file cannot be written, before the run where that is known.
    """
    if file is None:
        yield None
        return
    require_writable(file)
    recorder = Recorder(describe)
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
    page = Template((files("alir.visualize") / "run_page.html").read_text("utf-8")).substitute(
        title=escape(f"A run of {name}"),
        about=f"<p>{escape(about)}</p>" if about else "",
        ending=escape(_ending(run, tallies)),
        failed="failed" if run.ending in {"failed", "timed out"} else "",
        graph=svg(
            workflow,
            measured={step: _measured(tally) for step, tally in tallies.items()},
            passed={one.takes for one in run.steps} | {one.gives for one in run.steps},
        ),
        head="".join(f"<th>{cell}</th>" for cell in HEAD),
        rows="\n".join(_row(step, tally) for step, tally in tallies.items()),
        axis="".join(f"<span>{_seconds(run.seconds * part / 4)}</span>" for part in range(5)),
        lanes="\n".join(_lanes(run)),
        messages=_messages(run),
    )
    return write_page(page, path)


# Words.


def _ending(run: Execution, tallies: Mapping[str, StepSummary]) -> str:
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


def _row(step: str, tally: StepSummary) -> str:
    times = map(_seconds, (tally.total_s, tally.median_s, tally.longest_s))
    numbers = (tally.runs, tally.at_once, *times, tally.errors, tally.retries)
    cells = "".join(f"<td>{number}</td>" for number in numbers)
    return f'<tr><th scope="row">{escape(step)}</th>{cells}</tr>'


def _messages(run: Execution) -> str:
    if not run.messages:
        return ""
    items = "\n".join(
        f"<li><time>{_seconds(one.at_s)}</time><span>{escape(one.text)}</span></li>"
        for one in run.messages
    )
    return f'<section><h2>What was decided</h2>\n<ol class="messages">\n{items}\n</ol></section>'


def _measured(tally: StepSummary) -> list[str]:
    """Two lines below the name of a step."""
    at_once = f", {tally.at_once} at once" if tally.at_once > 1 else ""
    marks = [_count(tally.errors, "error")] if tally.errors else []
    marks += [_count(tally.retries, "retry")] if tally.retries else []
    return [
        f"{tally.runs}×{at_once} · {_seconds(tally.total_s)}",
        "! " * bool(marks) + ", ".join(marks),
    ]


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
    title = (
        f"{one.step}: {_seconds(one.seconds)}, from {_seconds(one.start_s)}; "
        f"took {one.takes}{gives}{ending}{again}"
    )
    return _span(look, one.start_s, one.end_s, total, title)


def _span(look: str, start: float, end: float, total: float, title: str) -> str:
    left, width = (100 * part / (total or 1) for part in (start, end - start))
    # The shortest bar is 3 pixels, and the last of them must not stand outside its lane.
    place = f"left:min({left:.3f}%,100% - 3px);width:max({width:.3f}%,3px)"
    return f'<i class="{look}" style="{place}" title="{escape(title)}"></i>'
