"""A measurement in a process of its own: its memory is its own, and nothing is warm already.

    python -m benchmarks.child JOB SPEC

JOB is one of `JOBS`, SPEC its keyword arguments as JSON; the last line of stdout is the result.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from alir.app.light_nltk import leave_out_statistics
from benchmarks.measure import WrongResult

JOBS = {
    "embed": "benchmarks.embed.side:run",
    "ingest": "benchmarks.ingest.side:run",
    "growth": "benchmarks.growth.side:run",
    "load": "benchmarks.load.side:prepare",
    "stalls": "benchmarks.stalls.side:run",
    "sync": "benchmarks.sync.side:run",
}


async def in_child(job: str, **spec: Any) -> dict[str, Any]:
    """Run a job in a process of its own and return what it reports.

    Raises:
        WrongResult: it failed; with the last line it said.
    """
    arguments = ("-m", "benchmarks.child", job, json.dumps(spec))
    return await result_of(*arguments, what=f"{job} of {spec}")


async def result_of(
    *arguments: str, what: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> dict[str, Any]:
    """Run Python in a process of its own and return what the last line of its stdout holds.

    `env` and `cwd` are this process's own where they are None.

    Raises:
        WrongResult: it failed; with `what` it was to do, and the last line it said.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, complaints = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)  # it ends its Milvus Lite
        await process.wait()
        raise
    if process.returncode:
        last = complaints.decode(errors="replace").strip().splitlines()[-1:]
        raise WrongResult(f"{what} ended with {process.returncode}: {' '.join(last)}")
    found = json.loads(out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def main(job: str, spec: str) -> None:
    """Run a job in this process."""
    module, _, name = JOBS[job].partition(":")
    found = asyncio.run(getattr(import_module(module), name)(**json.loads(spec)))
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    leave_out_statistics()
    main(*sys.argv[1:])
