"""Use tools: which are called, what becomes of their outputs, and what a budget leaves out."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from llama_index.core.llms import ChatMessage, ChatResponse, LLMMetadata
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool

from alir.models.answers import Budget
from alir.steps.agent.use_tools import MAX_OUTPUT_CHARS, choose_tools, passage, use_tool, use_tools
from tests.steps.scripted_llm import ScriptedLLM


def weather(town: str) -> str:
    """Say what the weather is like."""
    if town == "Atlantis":
        raise ValueError("there is no Atlantis")
    return f"It rains in {town}. " * (MAX_OUTPUT_CHARS if town == "Bergen" else 1)


TOOLS = [FunctionTool.from_defaults(weather)]


def call(tool: str, **arguments: str) -> ToolSelection:
    return ToolSelection(tool_id=tool, tool_name=tool, tool_kwargs=arguments)


class ChoosingLLM(ScriptedLLM, FunctionCallingLLM):
    """Chooses these calls."""

    calls: list[ToolSelection]

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="choosing", is_function_calling_model=True)

    def _prepare_chat_with_tools(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise NotImplementedError

    async def astream_chat_with_tools(
        self, tools: Sequence[Any], chat_history: Any = None, **_: Any
    ) -> Any:
        self.asked.append(chat_history)
        return self._chosen()

    async def _chosen(self) -> AsyncIterator[ChatResponse]:
        yield ChatResponse(message=ChatMessage(content=""))

    def get_tool_calls_from_response(self, *_: Any, **__: Any) -> list[ToolSelection]:
        return self.calls


async def used(spending: Any, *towns: str, **budget: int) -> tuple[list[str], list[str]]:
    """The passages and the tools' outputs."""
    outputs: list[str] = []
    found = await use_tools(
        "How is the weather?",
        tools=TOOLS,
        llm=ChoosingLLM(pieces=[], calls=[call("weather", town=town) for town in towns]),
        tracker=spending.tracker(spending.inquiry(budget=Budget(**budget))),
        on_used=lambda _, output: outputs.append(output.content),
    )
    return [one.node.get_content() for one in found], outputs


async def test_outputs_become_passages_and_failures_are_noted(spending: Any) -> None:
    found, outputs = await used(spending, "Lund", "Atlantis")

    assert found == ["It rains in Lund. "]
    assert len(outputs) == 2
    [sentence] = spending.state.degraded
    assert sentence.startswith("The tool weather failed: ")
    assert spending.state.calls == 3  # the choice is one, too


async def test_no_tool_is_called_beyond_the_budget(spending: Any) -> None:
    found, outputs = await used(spending, "Lund", "Oslo", calls=2)

    assert (len(found), len(outputs)) == (1, 1)


async def test_a_model_that_calls_no_tools_uses_none_and_that_is_noted(spending: Any) -> None:
    found = await use_tools(
        "How is the weather?",
        tools=TOOLS,
        llm=ScriptedLLM(pieces=[]),
        tracker=spending.tracker(),
        on_used=lambda *_: None,
    )

    assert found == []
    assert spending.state.degraded == [
        "The tools were not used: that needs a language model that calls them."
    ]


async def test_only_tools_that_exist_are_chosen_and_four_at_most() -> None:
    calls = [call("rm"), *(call("weather", town=str(n)) for n in range(6))]

    chosen = await choose_tools("?", tools=TOOLS, llm=ChoosingLLM(pieces=[], calls=calls))

    assert chosen == calls[1:5]


async def test_a_passage_of_a_tool_is_cited_by_its_name_and_has_a_limit() -> None:
    output = await use_tool(call("weather", town="Bergen"), tools=TOOLS)

    found = passage(output, 2)

    assert found.node.metadata == {"file_path": "tool:weather"}
    assert found.node.node_id == "tool:weather:2"
    assert len(found.node.get_content()) == MAX_OUTPUT_CHARS
