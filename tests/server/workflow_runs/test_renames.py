"""Files of runs that an earlier version wrote: read, and resumed."""

import asyncio
import sqlite3
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from alir.server.workflow_runs.renames import RENAMED, rename_classes

RESULT = (
    '{"__is_pydantic": true, "value": {"passages": [], "degraded": [], "seconds": {"total": 0.03}},'
    ' "qualified_name": "alir.server.runs.events.Found"}'
)
EVENT = (
    '{"value":{"event":"token","data":{"text":"Bees."}},'
    '"qualified_name":"alir.server.runs.events.Told","type":"Told","types":["StrictEvent"]}'
)
TICKS = (
    r'{"serialized_tick": "{\"__is_pydantic\": true, \"value\": {\"type\": \"session_start\", '
    r"\"stamped_at\": 1796130574.8524992}, "
    r'\"qualified_name\": \"workflows.runtime.types.ticks.TickSessionStart\"}"}',
    r'{"serialized_tick": "{\"__is_pydantic\": true, \"value\": {\"type\": \"add_event\", '
    r"\"event\": {\"__is_pydantic\": true, \"value\": {\"question\": "
    r"\"Where do bees keep their honey?\", \"top_k\": null, \"steps\": false}, "
    r"\"qualified_name\": \"alir.server.runs.events.AskQuestion\"}, \"step_id\": null, "
    r"\"bound_events\": null, \"attempts\": null, \"first_attempt_at\": null, "
    r"\"last_exception\": null, \"last_failed_at\": null, \"recovery_counts\": {}, "
    r"\"scope_path\": [], \"collection_release_payload\": null, \"work_item_id\": null, "
    r"\"stamped_at\": 1796130574.8534756, \"emission\": null}, "
    r'\"qualified_name\": \"workflows.runtime.types.ticks.TickAddEvent\"}"}',
)
AT = "2026-12-01T13:09:34.845877+00:00"


@pytest.mark.parametrize("name", RENAMED.values())
def test_each_new_name_is_that_of_a_class(name: str) -> None:
    module, _, kind = name.rpartition(".")

    assert isinstance(getattr(import_module(module), kind), type)


@pytest.mark.parametrize(
    "value",
    [
        '{"qualified_name":"workflows.events.StepStateChanged","type":"StepStateChanged"}',
        r'{"value":{"text":"\"qualified_name\":\"alir.server.runs.events.Told\""}}',
    ],
)
def test_other_classes_and_what_a_user_wrote_stay(value: str) -> None:
    assert rename_classes(value) == value


async def test_the_runs_of_an_earlier_version_are_read_and_resumed(
    serving: Callable[..., Any],
) -> None:
    async with serving() as served:
        await served.hold(served.client, bees="Bees keep their honey in combs of wax.")
        settings = served.alir.settings
    with sqlite3.connect(settings.runs_path) as db:
        row = "INSERT INTO run VALUES (?, ?, ?, '', '', ?, ?, NULL, ?, ?, ?, ?, NULL)"
        ended = ("old", "run-old", settings.collection, "search", "completed", RESULT, AT, AT)
        db.execute(row, (*ended, AT.replace("2026", "2126")))  # runs are deleted after a week
        cut = ("cut", "run-cut", settings.collection, "ask", "running", None, AT, AT, None)
        db.execute(row, cut)
        db.execute("INSERT INTO event VALUES ('run-old', 0, ?, ?)", (AT, EVENT))
        for number, tick in enumerate(TICKS):
            db.execute("INSERT INTO tick VALUES ('run-cut', ?, ?, ?)", (number, AT, tick))
    db.close()

    async with serving() as served:
        old = (await served.client.get("/workflows/handlers/old")).json()
        asked = {"after_sequence": "-1", "sse": "false"}
        events = await served.client.get("/workflows/events/old", params=asked)
        async with asyncio.timeout(30):
            resumed: Any = {"status": "running"}
            while resumed["status"] == "running":
                await asyncio.sleep(0.02)
                resumed = (await served.client.get("/workflows/handlers/cut")).json()

    assert (old["status"], old["result"]["type"]) == ("completed", "RunPassages")
    assert old["result"]["value"]["seconds"] == {"total": 0.03}
    assert '"type":"RunEvent"' in events.text.replace(": ", ":")
    assert (resumed["status"], resumed["error"]) == ("completed", None)
    assert "combs of wax" in resumed["result"]["value"]["answer"]["text"]
