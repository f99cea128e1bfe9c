"""Clarify: whether a question may mean two things, so that a person has to choose."""

from collections.abc import Sequence

from llama_index.core.llms import LLM, ChatMessage

from alir.steps.agent.budget_tracker import BudgetTracker
from alir.steps.agent.consult import messages

MAX_MEANINGS = 3

_INSTRUCTIONS = """\
Somebody asks a question. If it has two meanings that are clearly different, so that the answers \
would be, too, reply with both, each as a whole question on a line of its own. If not, reply \
with: clear"""


async def clarify(question: str, *, llm: LLM | None, tracker: BudgetTracker) -> list[str]:
    """Return what `question` may mean, if that is more than one thing."""
    if llm is None:
        await tracker.note("Nobody was asked what the question means: that needs a language model.")
    return meanings_of(await tracker.consult(prompt(question), llm=llm))


def prompt(question: str) -> list[ChatMessage]:
    """Return the messages that ask a language model what `question` may mean."""
    return messages(_INSTRUCTIONS, question)


def meanings_of(reply: Sequence[str]) -> list[str]:
    """Return the meanings that a model replied with, two or three; none if there is one only."""
    meanings = [*dict.fromkeys(reply)][:MAX_MEANINGS]
    return meanings if len(meanings) > 1 else []
