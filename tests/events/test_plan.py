"""The events of a plan: the JSON that `--dry-run` prints stays as it is."""

import json
from pathlib import Path

from alir.events.plan import IngestPlan
from alir.models.files import FilePlan


def test_a_plan_as_json_is_exactly_this() -> None:
    plan = IngestPlan(
        files=2,
        actions={"add": 0, "change": 0, "move": 1, "delete": 0, "unchanged": 0, "fail": 1},
        chunks=3,
        to_embed=0,
        embedding_calls=0,
        superseded=1,
        refusal="",
        seconds=0.123456,
    )
    old, new = Path("/docs/old.txt"), Path("/docs/new.txt")
    files = [
        FilePlan(new, "move", f"moved from {old}", 3, 0, old),
        FilePlan(Path("/docs/a.pdf"), "fail", "is damaged"),
    ]
    expected = {
        "files": 2,
        "add": 0,
        "change": 0,
        "move": 1,
        "delete": 0,
        "unchanged": 0,
        "fail": 1,
        "chunks": 3,
        "to_embed": 0,
        "embedding_calls": 0,
        "superseded": 1,
        "refusal": "",
        "seconds": 0.1235,
        "plan": [
            {
                "file": "/docs/new.txt",
                "action": "move",
                "reason": "moved from /docs/old.txt",
                "chunks": 3,
                "to_embed": 0,
                "moved_from": "/docs/old.txt",
            },
            {
                "file": "/docs/a.pdf",
                "action": "fail",
                "reason": "is damaged",
                "chunks": 0,
                "to_embed": 0,
            },
        ],
    }

    assert json.loads(json.dumps(plan.to_json(files))) == expected
    assert list(plan.to_json(files)) == list(expected)
