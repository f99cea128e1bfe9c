"""Use tools: let a language model choose which ones a question needs, and call them.

The model that chooses sees the question and nothing else, so no document can cause a call.
"""

import asyncio
from collections.abc import Callable, Sequence

from llama_index.core.llms import LLM, ChatMessage, ChatResponse
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import BaseTool, ToolOutput
from llama_index.core.tools.calling import acall_tool

from alir.errors import LanguageModelFailed
from alir.steps.agent.budget_tracker import BudgetTracker
from alir.steps.agent.consult import messages

MAX_CALLS = 4
"""Tools called for one question."""
MAX_OUTPUT_CHARS = 8_000
"""A longer output is cut off: it goes into a prompt beside the documents."""

_INSTRUCTIONS = """\
Documents are searched for the answer to a question. Call the tools, if any, whose result is \
needed beside the documents. If none is needed, call none and reply: none"""


async def use_tools(
    question: str,
    *,
    tools: Sequence[BaseTool],
    llm: LLM | None,
    tracker: BudgetTracker,
    on_used: Callable[[ToolSelection, ToolOutput], None],
) -> list[NodeWithScore]:
    """Return as passages what the tools returned that `llm` chose for `question`."""
    passages: list[NodeWithScore] = []
    for call in await _chosen(question, tools=tools, llm=llm, tracker=tracker):
        if await tracker.spend() is not None:
            break
        try:
            async with asyncio.timeout(tracker.seconds_left):
                output = await use_tool(call, tools=tools)
        except TimeoutError:
            await tracker.run_out_of_time()
            break
        on_used(call, output)
        if output.is_error:
            await tracker.note(f"The tool {call.tool_name} failed: {output.content}")
        else:
            passages.append(passage(output, number=len(passages) + 1))
    return passages


def prompt(question: str) -> list[ChatMessage]:
    """Return the messages that ask a model which tools `question` needs."""
    return messages(_INSTRUCTIONS, question)


async def choose_tools(
    question: str, *, tools: Sequence[BaseTool], llm: FunctionCallingLLM
) -> list[ToolSelection]:
    """Return the calls, four at most, that `llm` asks for; those of `tools` that exist."""
    responses = await llm.astream_chat_with_tools(
        tools, chat_history=prompt(question), allow_parallel_tool_calls=True
    )
    last: ChatResponse | None = None
    async for response in responses:
        last = response
    if last is None:
        return []
    names = {tool.metadata.get_name() for tool in tools}
    calls = llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)
    return [call for call in calls if call.tool_name in names][:MAX_CALLS]


async def use_tool(call: ToolSelection, *, tools: Sequence[BaseTool]) -> ToolOutput:
    """Call a tool, and return its output; an exception is an output, too, with `is_error`."""
    [tool, *_] = [one for one in tools if one.metadata.get_name() == call.tool_name]
    return await acall_tool(tool, call.tool_kwargs)


def passage(output: ToolOutput, number: int) -> NodeWithScore:
    """Return the output of a tool as a passage, cited as `tool:` and its name."""
    node = TextNode(
        id_=f"tool:{output.tool_name}:{number}",
        text=output.content[:MAX_OUTPUT_CHARS],
        metadata={"file_path": f"tool:{output.tool_name}"},
    )
    return NodeWithScore(node=node, score=1.0)


async def _chosen(
    question: str, *, tools: Sequence[BaseTool], llm: LLM | None, tracker: BudgetTracker
) -> list[ToolSelection]:
    if not isinstance(llm, FunctionCallingLLM):
        await tracker.note("The tools were not used: that needs a language model that calls them.")
        return []
    if not await tracker.may_ask(prompt(question)):
        return []
    try:
        async with asyncio.timeout(tracker.seconds_left):
            return await choose_tools(question, tools=tools, llm=llm)
    except TimeoutError:
        await tracker.run_out_of_time()
    except LanguageModelFailed as error:
        await tracker.note(f"{error.told()} No tool was used.")
    return []
