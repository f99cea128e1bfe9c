"""The tools that the agent was handed: which ones a question needs, and what they say."""

import asyncio
from collections.abc import Sequence

from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.schema import NodeWithScore
from llama_index.core.tools import BaseTool
from workflows import Context

from alir.errors import LanguageModelFailed
from alir.events.agent import ToolUsed
from alir.steps.agent.use_tools import choose_tools, passage, prompt, use_tool
from alir.workflows.budget_tracker import AgentState, BudgetTracker


async def use_tools(
    ctx: Context[AgentState],
    question: str,
    *,
    tools: Sequence[BaseTool],
    llm: LLM | None,
    purse: BudgetTracker,
) -> list[NodeWithScore]:
    """Return what the tools said that `llm` chose for `question`, streaming each call."""
    passages: list[NodeWithScore] = []
    for call in await _chosen(question, tools=tools, llm=llm, purse=purse):
        if await purse.spend() is not None:
            break
        try:
            async with asyncio.timeout(purse.seconds_left):
                output = await use_tool(call, tools=tools)
        except TimeoutError:
            await purse.run_out_of_time()
            break
        used = ToolUsed(
            tool=call.tool_name,
            arguments=call.tool_kwargs,
            output=output.content,
            is_error=output.is_error,
        )
        ctx.write_event_to_stream(used)
        if output.is_error:
            await purse.note(f"The tool {call.tool_name} failed: {output.content}")
        else:
            passages.append(passage(output, number=len(passages) + 1))
    return passages


async def _chosen(
    question: str, *, tools: Sequence[BaseTool], llm: LLM | None, purse: BudgetTracker
) -> list[ToolSelection]:
    if not isinstance(llm, FunctionCallingLLM):
        await purse.note("The tools were not used: that needs a language model that calls them.")
        return []
    if not await purse.may_ask(prompt(question)):
        return []
    try:
        async with asyncio.timeout(purse.seconds_left):
            return await choose_tools(question, tools=tools, llm=llm)
    except TimeoutError:
        await purse.run_out_of_time()
    except LanguageModelFailed as error:
        await purse.note(f"{error} No tool was used.")
    return []
