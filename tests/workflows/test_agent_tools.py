"""Tools: those of others that the agent calls, and the agent as a tool of others."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import BaseTool, FunctionTool
from workflows.testing import WorkflowTestRunner

from alir import Alir, Settings
from alir.app.agent_tool import as_tool
from alir.events.agent import AgentAnswer, AskAgent, ToolUsed
from alir.models.answers import Budget
from alir.testing import CallTools, Fail, HashEmbedding, OpenAIServer, Reply, Say

QUESTION = "When do cats sleep?"


def weather(town: str) -> str:
    """Say what the weather is like."""
    if town == "Atlantis":
        raise ValueError("there is no Atlantis")
    return f"It rains in {town}."


WEATHER = FunctionTool.from_defaults(weather)


@asynccontextmanager
async def holding(
    library: Alir, script: Callable[[dict[str, Any]], Reply], *tools: BaseTool
) -> AsyncIterator[tuple[Alir, OpenAIServer]]:
    """The library with a language model and tools."""
    with OpenAIServer(script) as server:
        settings = Settings.load(
            milvus_uri=library.settings.milvus_uri,
            collection=library.settings.collection,
            llm_base_url=server.base_url,
            llm_timeout_s=5,
        )
        async with Alir(settings, embedding=HashEmbedding(dim=64), tools=tools) as app:
            yield app, server


async def told(app: Alir, question: str = QUESTION, **more: Any) -> tuple[AgentAnswer, list[Any]]:
    start = AskAgent(question=question, **more)
    run = await WorkflowTestRunner(app.agent).run(start, expose_internal=False)
    assert isinstance(run.result, AgentAnswer)
    return run.result, [event for event in run.collected if isinstance(event, ToolUsed)]


def obeying(calls: Reply, answer: str) -> Callable[[dict[str, Any]], Reply]:
    """A model that asks for `calls` when it is offered tools."""

    def reply(request: dict[str, Any]) -> Reply:
        if "tools" in request:
            return calls
        is_splitting = request["messages"][0]["content"].startswith("Split a question")
        return Say(QUESTION if is_splitting else answer)

    return reply


async def test_what_a_tool_says_is_evidence_that_can_be_cited(library: Alir) -> None:
    calls = CallTools([("weather", {"town": "Lund"})])
    script = obeying(calls, "Cats sleep most of the day [1]. It rains in Lund [2].")
    async with holding(library, script, WEATHER) as (app, server):
        answer, used = await told(app)
    assert [(one.tool, one.arguments, one.output) for one in used] == [
        ("weather", {"town": "Lund"}, "It rains in Lund.")
    ]
    assert [(Path(one.file).name, one.quote) for one in answer.citations] == [
        ("cats.txt", "Cats sleep most of the day."),
        ("tool:weather", "It rains in Lund."),
    ]
    assert answer.degraded == []
    assert answer.spent["calls"] == 5  # split, choose, the tool, search, answer
    [choosing] = [request for request in server.requests if "tools" in request]
    said = str(choosing["messages"])
    assert QUESTION in said
    assert "most of the day" not in said, "no document has a tool called"


@pytest.mark.parametrize(
    ("calls", "degraded"),
    [
        (CallTools([("rm", {"path": "/"})]), []),
        (Say("none"), []),
        (
            CallTools([("weather", {"town": "Atlantis"})]),
            ["The tool weather failed: Encountered error: there is no Atlantis"],
        ),
    ],
    ids=["a tool that nobody handed in", "none", "a tool that fails"],
)
async def test_without_what_a_tool_says_the_documents_answer(
    library: Alir, calls: Reply, degraded: list[str]
) -> None:
    script = obeying(calls, "Cats sleep most of the day [1].")
    async with holding(library, script, WEATHER) as (app, _):
        answer, _ = await told(app)
    assert answer.text == "Cats sleep most of the day [1]."
    assert answer.degraded == degraded


async def test_a_tool_costs_a_call(library: Alir) -> None:
    calls = CallTools([("weather", {"town": town}) for town in ("Lund", "Oslo", "Rome")])
    async with holding(library, obeying(calls, "Rain [1]."), WEATHER) as (app, _):
        answer, used = await told(app, budget=Budget(calls=4))
    assert answer.spent["calls"] == 4
    assert len(used) < 3
    assert any("The budget of 4 calls is spent." in sentence for sentence in answer.degraded)


async def test_without_a_language_model_no_tool_is_used_and_the_answer_says_so(
    library: Alir,
) -> None:
    async with Alir(library.settings, embedding=HashEmbedding(dim=64), tools=[WEATHER]) as app:
        answer, used = await told(app)
    assert used == []
    assert answer.text == "Cats sleep most of the day. [1]"
    assert answer.degraded == [
        "The tools were not used: that needs a language model that calls them."
    ]


# FunctionAgent's own base looks at every attribute of a pydantic model.
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")
async def test_a_function_agent_asks_ours_and_gets_the_answer_with_its_quotes(
    library: Alir,
) -> None:
    question = "When do cats sleep, and who makes honey?"
    script = iter([CallTools([("ask_documents", {"question": question})]), Say("By day; bees do.")])
    async with holding(library, lambda _: next(script, Fail(400))) as (app, server):
        theirs = FunctionAgent(tools=[as_tool(library.agent)], llm=app.llm)
        reply = await theirs.run(user_msg="Cats? Honey?")
    assert str(reply) == "By day; bees do."
    offered, answered = server.requests
    [tool] = offered["tools"]
    assert tool["function"]["name"] == "ask_documents"
    assert list(tool["function"]["parameters"]["properties"]) == ["question"]
    [said] = [one["content"] for one in answered["messages"] if one["role"] == "tool"]
    assert "Who makes honey?\nBees make honey. [2]" in said
    assert "cats.txt, characters 0 to 27: 'Cats sleep most of the day.'" in said
