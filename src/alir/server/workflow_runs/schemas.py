"""Models of the workflow server's endpoints that LlamaIndex has no model for."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from llama_agents.client.protocol import HandlerData
from pydantic import BeforeValidator, Field, create_model
from workflows.events import StartEvent

from alir.server.schemas.answers import Question
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel

Flag = Literal["true", "false"]
_ENVELOPE = frozenset({"value", "type", "types", "qualified_name"})


class RunRequest(RequestModel):
    """The request for a run, as LlamaIndex's client sends it."""

    start_event: dict[str, Any] = Field(default_factory=dict)
    """The fields of the workflow's start event, or an envelope with them as `value`."""
    context: Annotated[dict[str, Any], Field(max_length=0)] = Field(default_factory=dict)
    """Always empty: a run begins only from its start event."""


class MeaningChosenValue(RequestModel):
    """The meaning of a question."""

    meaning: Question
    """One of the offered meanings, or another."""


class MeaningChosenEnvelope(RequestModel):
    """The event `MeaningChosen`, as LlamaIndex's client packs it."""

    type: Literal["MeaningChosen"]
    value: MeaningChosenValue
    qualified_name: str | None = None


class SendEventRequest(RequestModel):
    """An event for a run that waits for one."""

    event: MeaningChosenEnvelope
    step: Literal["listen"] | None = None


class HandlersQuery(RequestModel):
    """Which runs to list."""

    status: tuple[str, ...] = ()
    workflow_name: tuple[str, ...] = ()


class CancelQuery(RequestModel):
    """What happens to a cancelled run."""

    purge: Flag = "false"
    """Whether to delete it, too."""


class EventsQuery(RequestModel):
    """Which events of a run to stream."""

    after_sequence: Annotated[str, Field(pattern="^(now|-1|[0-9]{1,9})$")] = "now"
    """The number of the last event seen; -1 is all events, and `now` only new ones."""
    include_internal: Flag = "false"
    include_qualified_name: Flag = "true"


class RunResultResponse(HandlerData):
    """A run, with the fields of its stop event as `result`."""

    result: Any


class StreamedEvent(ApiModel):
    """An event of a run; its number is the `id` of the server-sent event."""

    value: dict[str, Any]
    type: str
    types: list[str] | None
    qualified_name: str | None


class WorkflowGraphResponse(ApiModel):
    """The steps of a workflow, and the events between them."""

    graph: dict[str, Any]


@cache
def run_request_model(start: type[StartEvent]) -> type[RunRequest]:
    """Return the request model of a start event: the event's own fields, and no other."""
    fields: Mapping[str, Any] = {
        name: (field.annotation, field) for name, field in start.model_fields.items()
    }
    fields_model = create_model(f"{start.__name__}Fields", __base__=RequestModel, **fields)
    unpacked = Annotated[fields_model, BeforeValidator(_unpack)]
    return create_model(
        f"{start.__name__}Request", __base__=RunRequest, start_event=(unpacked, ...)
    )


def _unpack(given: object) -> object:
    """Return the fields of an event that LlamaIndex's client may have packed."""
    if isinstance(given, dict) and "value" in given and given.keys() <= _ENVELOPE:
        given = given["value"]
    if isinstance(given, dict) and given.keys() == {"_data"}:
        return given["_data"]  # a plain `StartEvent` with free fields
    return given
