"""The events: nothing misspelt gets in."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from workflows.events import Event, StartEvent, StopEvent

from alir import events
from alir.events.ask import Answer, Ask, Sources, Token
from alir.events.base import StrictEvent
from alir.events.ingest import Ingest, IngestReport
from alir.models.answers import SourcePassage

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


def test_an_answer_may_be_about_nothing() -> None:
    silence = Answer(text="", mode="extractive", citations=[], sources=[], degraded=[], seconds={})

    assert silence.to_json()["citations"] == []
    assert silence.removed_citations == 0


def test_an_event_shows_its_values_but_of_many_only_how_many() -> None:
    passage = SourcePassage(file="/docs/a.pdf", page=3, text="Cats sleep.", score=0.5)

    assert repr(Ask(question="Why?")) == "Ask(question='Why?', top_k=None, filters=None)"
    assert repr(Sources(sources=[passage, passage])) == "Sources(sources=[2 items])"
