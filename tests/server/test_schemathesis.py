"""What a stranger's tool makes up from the OpenAPI file: no 5xx, and nothing that is not in it.

`make soak` has it make up ten times as much.
"""

import asyncio
import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest

LEFT_OUT = (
    # What fits the schema may still be refused: a path that is not there, a kind that is not read.
    "positive_data_acceptance",
    # An ingestion that was ended can be looked at.
    "use_after_free",
)

CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 428, 429, 431, "5xx"]
"""
"""What does not fit the schema may also be too long to be looked at."""


async def test_no_request_that_is_made_up_finds_an_undocumented_answer(
    served: Any, desk: Path, request: pytest.FixtureRequest
) -> None:
    long = request.config.getoption("--hypothesis-profile") == "soak"
    assert importlib.metadata.version("schemathesis")
    (served.root / "a.txt").write_text("The caldera of Batur has two villages.")
    secret = served.secret()
    (desk / "schemathesis.toml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("run", f"{served.url}/openapi.json", "--header", f"Authorization: Bearer {secret}"),
        *("--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)),
        *("--max-examples", "50" if long else "5", "--seed", "6", "--workers", "1"),
        cwd=desk,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
    assert f"{len(served.service.endpoints)} selected" in said.decode()
