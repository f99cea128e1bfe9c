"""`alir mcp`, started by the official SDK's own client as a host starts its tools."""

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcp.client.stdio
import pytest
from mcp import Client, StdioServerParameters

from alir import AlirMilvusStore

BEES = "Bees keep their honey in combs of wax."
QUESTION = "Where do bees keep their honey?"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


async def test_a_host_uses_the_tools_of_the_process_it_starts_until_it_closes_stdin(
    invoke: Command, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine two seconds are few.
    monkeypatch.setattr(mcp.client.stdio, "PROCESS_TERMINATION_TIMEOUT", 30.0)
    (desk / "docs").mkdir()
    (desk / "docs/bees.txt").write_text(BEES)
    index = {"ALIR_MILVUS_URI": "own.db", "ALIR_COLLECTION": "mine"}
    ingested = await asyncio.to_thread(invoke, "ingest", "docs", **index)
    assert ingested.returncode == 0
    # A shell, to see how it ends: the client kills what does not end by itself.
    command = f"{shlex.quote(sys.executable)} -m alir mcp 2> log; echo $? > code"
    process = StdioServerParameters(
        command="/bin/sh", args=["-c", command], env=os.environ | index, cwd=desk
    )
    not_protocol: list[Any] = []

    async def hear(message: Any) -> None:
        not_protocol.append(message)

    held = AlirMilvusStore("own.db", "", "another", dim=8)
    try:
        await held.count()
        async with Client(process, message_handler=hear) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            in_use = await client.call_tool("ask", {"question": QUESTION})
            await held.aclose()
            answer = await client.call_tool("ask", {"question": QUESTION})
            found = await client.call_tool("search", {"query": QUESTION, "top_k": 3})
            listed = await client.call_tool("list_sources")
            misused = await client.call_tool("ask", {"question": ""})
    finally:
        await held.aclose()

    assert tools == ["search", "ask", "list_sources"]
    assert in_use.is_error
    assert f"file {desk}/own.db is in use by another process" in in_use.content[0].text
    [cited] = answer.structured_content["citations"]
    assert (cited["file"], cited["quote"]) == (str(desk / "docs/bees.txt"), BEES)
    assert (cited["start"], cited["end"]) == (0, len(BEES))
    assert answer.content[0].text.startswith(f"{BEES} [1]\n\n[1] {desk}/docs/bees.txt, characters")
    assert [one["text"] for one in found.structured_content["passages"]] == [BEES]
    assert [one["chunks"] for one in listed.structured_content["files"]] == [1]
    assert misused.is_error
    assert not_protocol == []
    assert (desk / "code").read_text() == "0\n"
    assert (desk / "log").read_text() == ""
