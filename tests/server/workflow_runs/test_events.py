"""Events of the workflow server: each is JSON, and no unknown field is taken."""

import pytest
from pydantic import ValidationError
from workflows.context import JsonSerializer

from alir.server.workflow_runs import events

EVENTS = [
    events.AskQuestion(question="a"),
    events.AskAgentQuestion(question="a", session="s", may_ask=True),
    events.FindPassages(question="a", top_k=3),
    events.RunEvent(event="token", data={"text": "a"}),
    events.RunAnswer(answer={"text": "a"}),
    events.RunPassages(passages=[], degraded=["b"], seconds={"total": 0.5}),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_json_as_it_was(event: object) -> None:
    json = JsonSerializer()

    assert json.deserialize(json.serialize(event)) == event


@pytest.mark.parametrize("kind", [events.AskQuestion, events.FindPassages])
def test_a_misspelt_field_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match="has no field topk"):
        kind(question="a", topk=3)


@pytest.mark.parametrize("session", ["a/b", "", "-a", "a" * 65])
def test_a_session_has_a_plain_name(session: str) -> None:
    with pytest.raises(ValidationError):
        events.AskAgentQuestion(question="a", session=session)
