"""Runs under way when `alir serve` is killed, or told to stop: each comes to its end."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from llama_agents.client import WorkflowClient

from alir.testing import OpenAIServer, Reply, Say, Stall

TEXT = "The strait of Makassar divides two kinds of animals."
QUESTION = {"question": "What does the strait divide?"}
RUNS = 4


async def test_runs_that_are_killed_in_their_midst_end_after_the_next_start(
    alir_serve: Callable[..., Any], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalls: list[Reply] = [Stall(120)] * RUNS

    def reply(_: dict[str, Any]) -> Reply:
        return stalls.pop() if stalls else Say("Two kinds of animals [1].")

    with OpenAIServer(reply) as model:
        monkeypatch.setenv("ALIR_LLM_BASE_URL", model.base_url)
        first = await asyncio.to_thread(alir_serve)
        async with httpx.AsyncClient(base_url=f"{first.url}/workflows", timeout=30) as http:
            told = await http.post(f"{first.url}/v1/files", files=[("file", ("s.txt", TEXT))])
            ingestion = f"{first.url}/v1/ingestions/{told.json()['ingestion']['id']}"
            while (await http.get(ingestion)).json()["state"] != "done":
                await asyncio.sleep(0.05)
            client = WorkflowClient(httpx_client=http)
            begun = [
                await client.run_workflow_nowait("ask", start_event=QUESTION) for _ in range(RUNS)
            ]
            while len(model.requests) < RUNS:
                await asyncio.sleep(0.01)
            # One that is acknowledged this moment is kept as well.
            begun.append(await client.run_workflow_nowait("ask", start_event=QUESTION))
            first.process.kill()
            first.process.wait()
        stalls.append(Stall(120))
        second = await asyncio.to_thread(alir_serve)
        async with httpx.AsyncClient(base_url=f"{second.url}/workflows", timeout=30) as http:
            client = WorkflowClient(httpx_client=http)
            while True:
                runs = (await client.get_handlers()).handlers
                ended = [run for run in runs if run.status != "running"]
                if len(ended) >= RUNS:
                    break
                await asyncio.sleep(0.05)
            [last] = [run for run in runs if run.status == "running"]
            stream = {"include_internal": "true", "after_sequence": "-1"}
            async with http.stream("GET", f"/events/{last.handler_id}", params=stream) as events:
                line = await anext(events.aiter_lines())
                second.process.send_signal(signal.SIGTERM)
                code = await asyncio.to_thread(second.process.wait, 20)

    assert {run.handler_id for run in runs} == {run.handler_id for run in begun}
    assert {run.status: run.error for run in ended} == {"completed": None}
    for run in ended:
        assert run.result is not None
        assert "kinds of animals" in run.result.value["answer"]["text"]
    assert line == "id: 0"
    assert code == 0
    assert (desk / ".alir/.milvus.runs").stat().st_mode & 0o777 == 0o600
    assert "Traceback" not in (desk / "serve.log").read_text()
