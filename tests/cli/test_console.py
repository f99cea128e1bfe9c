"""What a person sees in a terminal: progress, reports, plans, references, decisions."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from alir.cli.console import (
    IngestBar,
    changes,
    decision,
    display_path,
    plan_summary,
    plural,
    references,
    summary,
)
from alir.events.agent import BudgetSpent, QuestionDecomposed
from alir.events.ask import Answer
from alir.events.ingest import IngestPaused, IngestReport, IngestResumed
from alir.events.plan import IngestPlan
from alir.events.verify import VerifyProgress
from alir.models.answers import Citation
from alir.models.files import FileOutcome, FilePlan


def test_a_pause_and_its_end_are_told_on_stderr_in_plain_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with IngestBar() as bar:
        bar.show(IngestPaused(reason="No Milvus answers at [home].", since=0.0, waits_s=300.0))
        bar.show(IngestResumed(after_s=12.34))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "Paused for up to 300 s: No Milvus answers at [home].",
        "Milvus is back after 12.3 s; the ingestion goes on.",
    ]


def test_the_summary_of_a_run_names_what_was_done_and_the_slowest_stage() -> None:
    assert summary(report(added=1, moved=2, unchanged=3)) == (
        "6 files: 1 added, 2 moved, 3 unchanged. The index holds 1 chunk. 2.5 s, "
        "most of it in embed."
    )
    assert "0 files: nothing to do." in summary(report())


def test_the_summary_of_a_run_has_a_line_for_each_file_that_was_mended(desk: Path) -> None:
    lacks = "the index holds 1 of its 38 chunks"
    mended = [FileOutcome(desk / name, "updated", lacks) for name in ("a.txt", "b.txt")]
    failed = [FileOutcome(desk / "b.txt", "failed", "is damaged")]

    done = report(updated=1).model_copy(update={"mended": mended, "failed": failed})
    told = summary(done).splitlines()

    assert told[1:] == ["mended  a.txt: the index holds 1 of its 38 chunks; ingested again"]


def test_a_comparison_shows_how_many_rows_it_read() -> None:
    with IngestBar("Verifying", "chunks") as bar:
        bar.show(VerifyProgress(files_done=2, rows=3))
        [task] = bar._progress.tasks
        assert (task.completed, task.fields["chunks"]) == (2, 3)


def test_a_watch_prints_a_line_only_for_a_sync_that_changed_something() -> None:
    assert changes(report(unchanged=3), as_json=False) == ""
    assert "1 deleted" in changes(report(deleted=1), as_json=False)
    line = json.loads(changes(report(deleted=1), as_json=True))
    assert line["deleted"] == 1
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


def test_a_plan_has_a_line_for_each_file_that_is_not_unchanged(desk: Path) -> None:
    files = [
        FilePlan(desk / "new.txt", "add", "the index does not hold it", chunks=2, to_embed=1),
        FilePlan(desk / "same.txt", "unchanged", "as it was"),
        FilePlan(desk / "to.txt", "move", "", moved_from=desk / "from.txt"),
    ]
    plan = IngestPlan(
        files=3,
        actions={"add": 1, "change": 0, "move": 1, "unchanged": 1},
        chunks=2,
        to_embed=1,
        embedding_calls=1,
        superseded=2,
        refusal="too many files are gone",
        seconds=1.0,
    )

    assert plan_summary(plan, files).splitlines() == [
        "add     new.txt: the index does not hold it; 1 of 2 chunks to embed",
        "move    to.txt: moved from from.txt",
        "3 files: 1 add, 1 move, 1 unchanged. A run would embed at most 1 chunk in 1 call. "
        "Nothing was written.",
        "It would delete 2 old versions that a killed run left.",
        "It would stop before it deletes: too many files are gone",
    ]


def test_the_references_of_an_answer_quote_what_a_language_model_cited(desk: Path) -> None:
    written = Answer(
        text="It is green [1].",
        mode="llm",
        citations=[Citation(str(desk / "moon.pdf"), 2, 3, 19, "made of\ngreen")],
        sources=[],
        degraded=["One branch failed."],
        seconds={"total": 1.0},
    )

    assert references(written).splitlines() == [
        "",
        "[1] moon.pdf, page 2, characters 3 to 19: “made of green”",
        "",
        "One branch failed.",
    ]
    assert "Extractive answer" in references(written.model_copy(update={"mode": "extractive"}))


def test_what_the_agent_decides_is_a_line_and_the_rest_is_none() -> None:
    parts = QuestionDecomposed(question="a? b?", parts=["a?", "b?"], by="rules")
    assert decision(parts) == "The question has 2 parts: 1. a?; 2. b?"
    assert decision(parts.model_copy(update={"parts": ["a? b?"]})) == ""
    assert decision(BudgetSpent(reason="The budget of 1 call is spent.")).endswith("is spent.")
    assert decision(IngestResumed(after_s=1)) == ""


def test_a_path_is_shown_from_the_working_directory(desk: Path) -> None:
    assert display_path(desk / "docs" / "a.txt") == "docs/a.txt"
    assert display_path("/elsewhere/a.txt") == "/elsewhere/a.txt"
    assert (plural(1, "file"), plural(0, "file")) == ("1 file", "0 files")


def report(**counts: int) -> IngestReport:
    done = dict.fromkeys(("added", "updated", "moved", "deleted", "unchanged"), 0) | counts
    seconds = {"load": 0.5, "embed": 2.0, "total": 2.5}
    files = sum(done.values())
    return IngestReport(
        files=files, chunks=1, failed=[], embedded=1, reused=0, seconds=seconds, **done
    )
