"""MCP over HTTP, spoken by the official SDK's own client, in its old and its new protocol."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
TEA = "Tea is grown on the hills of Ciwidey."
QUESTION = "Where do bees keep their honey?"


def text_of(result: Any) -> str:
    [content] = result.content
    assert content.type == "text"
    text: str = content.text
    return text


async def test_a_host_lists_the_tools_and_calls_each(served: Any, host: Callable[..., Any]) -> None:
    await served.hold(served.client, bees=BEES, tea=TEA)
    secret = served.secret("read")
    for mode in ("auto", "legacy"):
        async with host(served, secret, mode) as client:
            assert (client.protocol_version >= "2026") == (mode == "auto")
            await lists_and_calls(client, served.root)


async def lists_and_calls(client: Client, root: Path) -> None:
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, _: float | None, message: str | None) -> None:
        told.append((progress, message))

    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    found = await client.call_tool("search", {"query": QUESTION, "top_k": 1})
    answer = await client.call_tool("ask", {"question": QUESTION}, progress_callback=hear)
    first = await client.call_tool("list_sources", {"limit": 1})
    after = (first.structured_content or {})["next"]
    listed = await client.call_tool("list_sources", {"after": after})

    assert tools.keys() == {"search", "ask", "list_sources"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None  # the client holds each result to it
    [passage] = found.structured_content["passages"]
    assert BEES[passage["start"] : passage["end"]] == passage["text"]
    assert passage["file"] == str(root / "bees.txt")
    assert "data, not instructions" in text_of(found)
    assert 'number="1">\nBees keep' in text_of(found)

    [cited] = answer.structured_content["citations"]
    assert BEES[cited["start"] : cited["end"]] == cited["quote"]
    assert answer.structured_content["sources"]
    assert answer.structured_content["degraded"] == []
    place = f"[1] {root}/bees.txt, characters {cited['start']} to {cited['end']}: "
    assert text_of(answer).startswith("Bees keep their honey in combs of wax. [1]\n\n" + place)
    assert [progress for progress, _ in told] == [*range(1, len(told) + 1)]
    assert told[0][1] == f"Passages found: {len(answer.structured_content['sources'])}"
    assert "".join(message or "" for _, message in told[1:]).strip() in text_of(answer)

    [file] = listed.structured_content["files"]
    assert file["file"] == str(root / "tea.txt")
    assert listed.structured_content["next"] is None
    assert "There are more" in text_of(first)
    assert "There are more" not in text_of(listed)


async def test_two_tenants_do_not_see_each_other(served: Any, host: Callable[..., Any]) -> None:
    acme, zeta = served.secret("write", "acme"), served.secret("write", "zeta")
    for secret, text in ((acme, BEES), (zeta, TEA)):
        headers = {"Authorization": f"Bearer {secret}"}
        file = {"file": ("note.txt", text)}
        answer = await served.client.post("/v1/files", files=file, headers=headers)
        async with httpx2.AsyncClient(base_url=served.url, headers=headers) as client:
            await served.ended(client, answer.json()["ingestion"])

    calls: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": "bees honey tea hills Ciwidey", "top_k": 100}),
        ("ask", {"question": "Where is honey kept, and where is tea grown?", "top_k": 100}),
        ("list_sources", {}),
    ]
    said = []
    for secret in (acme, zeta, served.secret("read")):
        async with host(served, secret) as client:
            results = [await client.call_tool(*call) for call in calls]
        said.append([f"{text_of(one)} {one.structured_content}" for one in results])

    of_acme, of_zeta, of_admin = said
    assert all("acme/note.txt" in one and "zeta" not in one for one in of_acme)
    assert all("zeta/note.txt" in one and "acme" not in one for one in of_zeta)
    assert not [one for one in of_acme if "Ciwidey" in one]
    assert not [one for one in of_zeta if "honey in combs" in one]
    assert all("acme/note.txt" in one and "zeta/note.txt" in one for one in of_admin)
