"""MCP's protocol: errors are results that a model can read."""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError

from alir.errors import NothingIngested
from alir.server.auth.caller import Caller, Tenant
from alir.server.problems import DEFECT

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"


QUESTION = "Where do bees keep their honey?"


ADMIN = Caller("", "read", Tenant("", Path("/")))


MISUSED: list[tuple[str, dict[str, Any]]] = [
    ("ask", {}),
    ("ask", {"question": "  "}),
    ("ask", {"question": "x" * 8_001}),
    ("ask", {"question": "x", "top_k": 101}),
    ("ask", {"question": "x", "tenant": "acme"}),
    ("search", {"query": 7}),
    ("search", {"query": QUESTION, "filters": {}}),
    ("list_sources", {"limit": 1_001}),
    ("list_sources", {"after": 1}),
]


def text_of(result: Any) -> str:
    [content] = result.content
    assert content.type == "text"
    text: str = content.text
    return text


async def test_what_goes_wrong_is_told_in_a_sentence(
    serving: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    host: Callable[..., Any],
) -> None:
    async with (
        serving(questions_waiting=0) as served,
        host(served) as new,
        host(served, mode="legacy") as old,
    ):
        limits = served.service.rate_limiter
        hosts = (new, old)
        refused = [await one.call_tool(*call) for one in hosts for call in MISUSED]
        empty = [await one.call_tool("ask", {"question": QUESTION}) for one in hosts]
        for one in hosts:
            with pytest.raises(MCPError, match="There is no tool 'delete'"):
                await one.call_tool("delete", {"id": "x"})
        await served.hold(served.client, bees=BEES)
        async with AsyncExitStack() as stack:
            for _ in range(served.alir.settings.questions_at_once):
                await stack.enter_async_context(limits.question_slot(ADMIN))
            busy = [await one.call_tool("search", {"query": QUESTION}) for one in hosts]
            listed = await new.call_tool("list_sources")
        served.alir.__dict__["search"] = None  # what nobody foresaw
        with caplog.at_level(logging.ERROR, "alir"):
            broken = [await one.call_tool("search", {"query": QUESTION}) for one in hosts]

    failed = [*refused, *empty, *busy, *broken]
    assert all(result.is_error for result in failed)
    assert all(result.structured_content is None for result in failed)
    assert text_of(refused[3]) == "top_k: Input should be less than or equal to 100."
    assert {text_of(one) for one in empty} == {str(NothingIngested(served.alir.catalog.collection))}
    assert all(text_of(one).endswith("no place came free. Try again in 2 s.") for one in busy)
    assert not listed.is_error
    assert {text_of(one) for one in broken} == {DEFECT}
    assert caplog.text.count("AttributeError") == 2
    assert not [word for word in ("Traceback", "Error(") for one in failed if word in text_of(one)]
