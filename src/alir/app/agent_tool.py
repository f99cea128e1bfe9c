"""The agent as a tool: any LlamaIndex agent can call it."""

from llama_index.core.tools import FunctionTool

from alir.events.agent import AgentAnswer, AskAgent
from alir.workflows.agent import Agent

NAME = "ask_documents"
_DESCRIPTION = (
    "Answers a question from the indexed documents. The question may have several parts, and must "
    "be understood without the conversation. Returns the answer with numbered citations, and where "
    "each quote stands."
)


def as_tool(agent: Agent, *, name: str = NAME, description: str = _DESCRIPTION) -> FunctionTool:
    """Return a tool, `name(question)`, that answers as `agent` does."""

    async def answer(question: str) -> str:
        found = await agent.run(start_event=AskAgent(question=question))
        assert isinstance(found, AgentAnswer)  # noqa: S101  the engine types results as Any
        return _as_text(found)

    return FunctionTool.from_defaults(async_fn=answer, name=name, description=description)


def _as_text(answer: AgentAnswer) -> str:
    citations = [
        f"[{number}] {one.file}, characters {one.start} to {one.end}: {one.quote!r}"
        for number, one in enumerate(answer.citations, start=1)
    ]
    return "\n".join([answer.text, "", *citations, *answer.degraded]).strip()
