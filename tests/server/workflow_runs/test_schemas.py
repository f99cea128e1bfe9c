"""Requests for runs: only what a workflow's start event has."""

from typing import Any

from alir.server.workflow_runs.routes import PREFIX

QUESTION = {"question": "Where do bees keep their honey?"}


BEGIN_NOTHING: list[Any] = [
    {"start_event": {}},
    {"start_event": {"question": " "}},
    {"start_event": {**QUESTION, "tenant": "zeta"}},
    {"start_event": {**QUESTION, "filters": None}},
    {"start_event": {"type": "AskQuestion", "value": {**QUESTION, "filters": {}}}},
    {"start_event": {"_data": {**QUESTION, "top_k": 0}}},
    {"start_event": QUESTION, "context": {"state": {}}},
    {"start_event": QUESTION, "handler_id": "mine"},
    {"start_event": "{}"},
    {},
]


async def test_what_begins_no_run_is_refused(served: Any) -> None:
    for body in BEGIN_NOTHING:
        refused = await served.client.post(f"{PREFIX}/workflows/ask/run-nowait", json=body)
        assert refused.status_code == 422, body
        assert refused.json()["errors"]
    listed = (await served.client.get(f"{PREFIX}/handlers")).json()

    assert listed == {"handlers": []}
