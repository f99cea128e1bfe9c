"""The events: nothing misspelt gets in, and the JSON that programs read stays as it is."""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import pytest
from workflows.events import Event, StartEvent, StopEvent

from alir import events
from alir.events.ask import Answer, Ask, Sources, Token
from alir.events.base import StrictEvent
from alir.events.ingest import Ingest, IngestProgress, IngestReport
from alir.models.answers import SourcePassage
from alir.models.files import FileOutcome

CLASSES = [
    one
    for name in pkgutil.iter_modules(events.__path__)
    for module in [importlib.import_module(f"alir.events.{name.name}")]
    for _, one in inspect.getmembers(module, inspect.isclass)
    if issubclass(one, Event) and one.__module__ == module.__name__ and one is not StrictEvent
]


def test_there_are_events_to_test() -> None:
    assert {Ask, Answer, Ingest, IngestReport, Token} < set(CLASSES)


@pytest.mark.parametrize("event", CLASSES)
def test_an_unknown_field_is_refused_and_named(event: type[Event]) -> None:
    known = dict.fromkeys(event.model_fields)

    with pytest.raises(TypeError, match=rf"{event.__name__} has no field misspelt; it has \w+"):
        event(**known, misspelt=1)


@pytest.mark.parametrize("event", CLASSES)
def test_every_event_declares_its_fields_and_says_what_it_means(event: type[Event]) -> None:
    assert event.model_fields
    assert event.__doc__
    assert event.__doc__ != Event.__doc__


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(ValueError, match="text"):
        Token()


def test_commands_start_and_reports_stop() -> None:
    assert {one for one in CLASSES if issubclass(one, StartEvent)} >= {Ask, Ingest}
    assert {one for one in CLASSES if issubclass(one, StopEvent)} >= {Answer, IngestReport}


def test_a_command_takes_what_a_person_writes() -> None:
    assert Ingest(paths=["docs", Path("README.md")]).paths == ["docs", Path("README.md")]
    assert Ask(question="Why?").top_k is None
    assert Ask(question="Why?", top_k=3).top_k == 3


def test_progress_without_failures_has_none() -> None:
    assert IngestProgress(files_done=1, files=2, chunks_written=3).failed == []


REPORT = IngestReport(
    files=6,
    chunks=40,
    added=1,
    updated=2,
    moved=0,
    deleted=3,
    unchanged=2,
    failed=[FileOutcome(Path("/docs/a.pdf"), "failed", "is a damaged or truncated PDF")],
    embedded=12,
    reused=4,
    seconds={"load": 0.123456, "embed": 2.0, "total": 2.34567},
)


def test_a_report_as_json_is_exactly_this() -> None:
    expected = {
        "files": 6,
        "chunks": 40,
        "added": 1,
        "updated": 2,
        "moved": 0,
        "deleted": 3,
        "unchanged": 2,
        "failed": [{"file": "/docs/a.pdf", "reason": "is a damaged or truncated PDF"}],
        "embedded": 12,
        "reused": 4,
        "seconds": {"load": 0.1235, "embed": 2.0, "total": 2.3457},
    }

    assert json.loads(json.dumps(REPORT.to_json())) == expected
    assert list(REPORT.to_json()) == list(expected)


def test_the_bottleneck_is_the_longest_stage_and_not_the_total() -> None:
    assert REPORT.bottleneck == "embed"
    assert REPORT.model_copy(update={"seconds": {"total": 1.0}}).bottleneck == ""


def test_a_report_and_an_answer_may_be_about_nothing() -> None:
    nothing = IngestReport(
        files=0,
        chunks=0,
        added=0,
        updated=0,
        moved=0,
        deleted=0,
        unchanged=0,
        failed=[],
        embedded=0,
        reused=0,
        seconds={},
    )
    silence = Answer(text="", mode="extractive", citations=[], sources=[], degraded=[], seconds={})

    assert nothing.to_json()["failed"] == []
    assert silence.to_json()["citations"] == []
    assert silence.removed_citations == 0


def test_an_event_shows_its_values_but_of_many_only_how_many() -> None:
    passage = SourcePassage(file="/docs/a.pdf", page=3, text="Cats sleep.", score=0.5)

    assert repr(Ask(question="Why?")) == "Ask(question='Why?', top_k=None, filters=None)"
    assert repr(Sources(sources=[passage, passage])) == "Sources(sources=[2 items])"
