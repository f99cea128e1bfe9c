"""What a person sees in a terminal: progress, reports, answers."""

import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from workflows.events import Event
from workflows.handler import WorkflowHandler

from alir.app.printable import plain
from alir.app.streaming import events
from alir.events.agent import (
    BudgetSpent,
    EvidenceFound,
    EvidenceWeak,
    QueryRewritten,
    QuestionDecomposed,
    QuestionRestated,
    SubQuestionGivenUp,
    ToolUsed,
)
from alir.events.ask import Answer
from alir.events.ingest import (
    IngestPaused,
    IngestProgress,
    IngestReport,
    IngestResumed,
    LedgerRelearned,
)
from alir.events.plan import FilesPlanned, IngestPlan, WatchPaused
from alir.events.verify import VerifyProgress
from alir.models.files import FilePlan
from alir.steps.ask.cite import source
from alir.visualize.recording import Recorder

EXTRACTIVE_NOTE = (
    "Extractive answer: sentences of the documents, verbatim. Set ALIR_LLM_API_KEY or "
    "ALIR_LLM_BASE_URL to have one written."
)


class IngestBar(AbstractContextManager["IngestBar"]):
    """Shows the progress of an ingestion on stderr: files, chunks, and each file that fails."""

    def __init__(self, description: str = "Ingesting", counted: str = "chunks written") -> None:
        self._description = description
        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(f"files, {{task.fields[chunks]}} {counted}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(description, total=None, chunks=0)

    def __enter__(self) -> "IngestBar":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Show an event of a run: progress, a pause, its end; others show nothing."""
        if isinstance(event, IngestPaused):
            self._progress.update(self._task, description="Paused")
            self._say(f"Paused for up to {event.waits_s:g} s: {event.reason}")
        elif isinstance(event, IngestResumed):
            self._progress.update(self._task, description=self._description)
            self._say(f"Milvus is back after {event.after_s:.1f} s; the ingestion goes on.")
        elif isinstance(event, WatchPaused):
            when = "at the next change" if event.waits_s is None else f"in {event.waits_s:.1f} s"
            self._say(f"Not synced; the next try is {when}: {event.reason}")
        elif isinstance(event, LedgerRelearned):
            self._say(
                f"The ledger knew no file of the {event.files} in the index: it was lost, or never "
                "there. It is made again, and each file is read once."
            )
        elif isinstance(event, IngestProgress):
            self._advance(event.files_done, event.files, event.chunks_written)
            for one in event.failed:
                self._say(f"{display_path(one.path)}: {one.reason}")
        elif isinstance(event, VerifyProgress):
            self._advance(event.files_done, None, event.rows)
        elif isinstance(event, FilesPlanned):
            self._advance(event.files_done, event.files, event.to_embed)

    def _advance(self, done: int, files: int | None, chunks: int) -> None:
        self._progress.update(self._task, completed=done, total=files, chunks=chunks)

    def _say(self, line: str) -> None:
        self._console.print(plain(line), markup=False, soft_wrap=True)


async def show_progress(
    run: WorkflowHandler, description: str = "Ingesting", recorder: Recorder | None = None
) -> Any:
    """Show the progress of a run, and return its result."""
    with IngestBar(description) as bar:
        async for event in events(run, recorder):
            bar.show(event)
    return await run


def summary(report: IngestReport) -> str:
    """Return what a run did, in a line or two, and a line for each file that it mended."""
    parts = [
        f"{count} {word}"
        for word, count in (
            ("added", report.added),
            ("updated", report.updated),
            ("moved", report.moved),
            ("deleted", report.deleted),
            ("unchanged", report.unchanged),
            ("failed", len(report.failed)),
        )
        if count
    ]
    total = report.seconds["total"]
    slowest = f", most of it in {report.bottleneck}" if report.bottleneck else ""
    failed = {one.path for one in report.failed}
    mended = [
        f"mended  {display_path(one.path)}: {one.reason}; ingested again"
        for one in report.mended
        if one.path not in failed
    ]
    line = (
        f"{plural(report.files, 'file')}: {', '.join(parts) or 'nothing to do'}. "
        f"The index holds {plural(report.chunks, 'chunk')}. {total:.1f} s{slowest}."
    )
    return "\n".join([line, *mended])


def changes(report: IngestReport, *, as_json: bool) -> str:
    """Return a line on what a sync of a watch changed, with the time; empty if nothing."""
    if not report.added + report.updated + report.moved + report.deleted:
        return ""
    now = datetime.now(UTC)
    if as_json:
        return json.dumps({"time": now.isoformat("T", "seconds"), **report.to_json()})
    return f"{now.astimezone():%H:%M:%S}  {summary(report)}"


def plan_summary(plan: IngestPlan, files: Sequence[FilePlan]) -> str:
    """Return what a run would do: a line for each file that is not unchanged, and the sums."""
    lines = []
    for one in files:
        if one.action != "unchanged":
            embeds = f"; {one.to_embed} of {plural(one.chunks, 'chunk')} to embed"
            where = f"moved from {display_path(one.moved_from)}" if one.moved_from else one.reason
            lines.append(
                f"{one.action:<6}  {display_path(one.path)}: {where}{embeds if one.chunks else ''}"
            )
    actions = [f"{count} {action}" for action, count in plan.actions.items() if count]
    lines.append(
        f"{plural(plan.files, 'file')}: {', '.join(actions)}. A run would embed at most "
        f"{plural(plan.to_embed, 'chunk')} in {plural(plan.embedding_calls, 'call')}. "
        "Nothing was written."
    )
    if plan.superseded:
        lines.append(f"It would delete {plan.superseded} old versions that a killed run left.")
    if plan.refusal:
        lines.append(f"It would stop before it deletes: {plan.refusal}")
    return "\n".join(lines)


def decision(event: Event) -> str:
    """Return a line on what the agent decided; empty for other events."""
    line = ""
    match event:
        case QuestionRestated(question=question):
            line = f"Understood as: {question}"
        case QuestionDecomposed(parts=[_, _, *_] as parts):
            listed = "; ".join(f"{number}. {part}" for number, part in enumerate(parts, start=1))
            line = f"The question has {len(parts)} parts: {listed}"
        case EvidenceFound(part=part, passages=passages):
            files = sorted({display_path(source(passage).file) for passage in passages})
            where = f" in {', '.join(files)}" if files else ""
            line = f"Part {part.number}: {plural(len(passages), 'passage')}{where}: “{part.query}”"
        case EvidenceWeak(part=part):
            line = f"Part {part.number}: they do not fit well."
        case ToolUsed(tool=tool, arguments=arguments):
            line = f"Tool {tool}: called with {json.dumps(arguments)}"
        case QueryRewritten(part=part):
            line = f"Part {part.number}: searching again with “{part.query}”."
        case SubQuestionGivenUp(part=part, reason=reason):
            line = f"Part {part.number}: given up. {reason}"
        case BudgetSpent(reason=reason):
            line = reason
    return line


def references(answer: Answer) -> str:
    """Return the lines below an answer: its citations, and what did not work."""
    lines = []
    for number, citation in enumerate(answer.citations, start=1):
        page = f", page {citation.page}" if citation.page is not None else ""
        place = (
            f"{display_path(citation.file)}{page}, characters {citation.start} to {citation.end}"
        )
        quote = "" if answer.mode == "extractive" else f": “{' '.join(citation.quote.split())}”"
        lines.append(f"[{number}] {place}{quote}")
    notes = list(answer.degraded)
    if answer.mode == "extractive":
        notes.append(EXTRACTIVE_NOTE)
    return "\n".join(["", *lines, *([""] if lines and notes else []), *notes])


def display_path(path: str | Path) -> str:
    """Return `path` as a person would write it from the working directory."""
    inside = os.path.relpath(path)
    return str(path) if inside.startswith("..") else inside


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
