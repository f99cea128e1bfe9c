"""What is sent to begin a run, and what comes of the routes whose objects are not LlamaIndex's."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from llama_agents.client.protocol import HandlerData
from pydantic import BeforeValidator, Field, create_model
from workflows.events import StartEvent

from alir.server.schemas.answers import Question
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel

Flag = Literal["true", "false"]
_ENVELOPE = frozenset({"value", "type", "types", "qualified_name"})


class RunBody(RequestModel):
    """The start of a run, as LlamaIndex's client sends it."""

    start_event: dict[str, Any] = Field(default_factory=dict)
    """The fields of the workflow's start event, or an envelope with them as `value`."""
    context: Annotated[dict[str, Any], Field(max_length=0)] = Field(default_factory=dict)
    """Always empty: a run begins from its start event alone."""


class ChosenBody(RequestModel):
    """What a question means."""

    meaning: Question
    """One of the meanings that were told, or something else."""


class ChosenEnvelope(RequestModel):
    """The event that says it, as LlamaIndex's client packs it."""

    type: Literal["MeaningChosen"]
    value: ChosenBody
    qualified_name: str | None = None


class EventBody(RequestModel):
    """An event for a run that waits for one."""

    event: ChosenEnvelope
    step: Literal["listen"] | None = None


class HandlersQuery(RequestModel):
    """Which of the runs."""

    status: tuple[str, ...] = ()
    workflow_name: tuple[str, ...] = ()


class CancelQuery(RequestModel):
    """What becomes of a run that is ended."""

    purge: Flag = "false"
    """Whether it is forgotten, too."""


class EventsQuery(RequestModel):
    """Which events of a run."""

    after_sequence: Annotated[str, Field(pattern="^(now|-1|[0-9]{1,9})$")] = "now"
    """The number of the last one seen; -1 asks for all, and `now` for those to come."""
    include_internal: Flag = "false"
    include_qualified_name: Flag = "true"


class ResultObject(HandlerData):
    """A run, with the fields of its stop event as `result`."""

    result: Any


class StreamedObject(ApiModel):
    """An event of a run; its number is the `id` of the server-sent event."""

    value: dict[str, Any]
    type: str
    types: list[str] | None
    qualified_name: str | None


class GraphObject(ApiModel):
    """The steps of a workflow, and the events between them."""

    graph: dict[str, Any]


def run_request_model(start: type[StartEvent]) -> type[RunBody]:
    """Return the request model of a start event: the event's own fields, and no other."""
    fields: Mapping[str, Any] = {
        name: (field.annotation, field) for name, field in start.model_fields.items()
    }
    of_start = create_model(f"{start.__name__}Body", __base__=RequestModel, **fields)
    opened = Annotated[of_start, BeforeValidator(_opened)]
    return create_model(f"{start.__name__}Run", __base__=RunBody, start_event=(opened, ...))


def _opened(given: object) -> object:
    """Return the fields of an event as LlamaIndex's client may have packed it."""
    if isinstance(given, dict) and "value" in given and given.keys() <= _ENVELOPE:
        given = given["value"]
    if isinstance(given, dict) and given.keys() == {"_data"}:
        return given["_data"]  # a `StartEvent` that was given fields of no class of its own
    return given
