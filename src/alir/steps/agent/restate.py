"""Restate: a question that follows others, so that it stands alone.

Only what was asked is looked at, never what was answered: that is the documents' text.
"""

import re
from collections.abc import Sequence

from llama_index.core.llms import LLM, ChatMessage

from alir.errors import InvalidSetting
from alir.models.answers import AgentQuestion, By
from alir.ports import Sessions
from alir.steps.agent.budget_tracker import BudgetTracker
from alir.steps.agent.consult import messages

_INSTRUCTIONS = """\
Somebody asks several questions one after the other. Rewrite the last one so that it is understood \
without the others: say whom and what its pronouns mean. Keep its words otherwise. If it is \
understood as it is, repeat it.
Reply with the question alone, on one line."""

_REFERS = re.compile(
    r"\b(?:he|she|it|they|him|her|them|his|hers|its|their|theirs|this|these|those|dia|ia|mereka|"
    r"itu|ini|tersebut|\w{3,}nya)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"(?:and|what about|how about|dan|bagaimana dengan)\b", re.IGNORECASE)


def leans(question: str) -> bool:
    """Return whether the words of `question` refer to an earlier one."""
    return bool(_GOES_ON.match(question) or _REFERS.search(question))


def leans_from(text: str, positions: Sequence[int]) -> list[bool]:
    """Return for each of `positions` whether the words of `text` from there on lean so."""
    last = max((word.start() for word in _REFERS.finditer(text)), default=-1)
    return [at <= last or bool(_GOES_ON.match(text, at)) for at in positions]


def restate(question: str, earlier: Sequence[str]) -> str | None:
    """Return `question` with the last of the `earlier` ones that stands alone; None if it does.

    If none of those seems to, with the first, which had nothing to lean on.

    This does not find out what a pronoun means: both questions are searched for together.
    """
    if not earlier or not leans(question):
        return None
    before = next((one for one in reversed(earlier) if not leans(one)), earlier[0])
    return f"{question.rstrip('?？ ')} ({before.rstrip('?？ ')})?"


async def restate_in_session(
    inquiry: AgentQuestion, *, sessions: Sessions | None, llm: LLM | None, tracker: BudgetTracker
) -> tuple[str, By] | None:
    """Return the question so that it stands alone, and who restated it; None if it does already.

    Raises:
        InvalidSetting: it belongs to a session, and there are none.
    """
    if inquiry.session is None:
        return None
    if sessions is None:
        raise InvalidSetting("session", "this agent keeps no conversations", "Leave it out.")
    earlier = await sessions.asked_questions(inquiry.session)
    if not earlier:
        return None
    reply = await tracker.consult(prompt(inquiry.question, earlier), llm=llm)
    question = reply[0] if reply else restate(inquiry.question, earlier)
    if question is None or question == inquiry.question:
        return None
    return question, "llm" if reply else "rules"


def prompt(question: str, earlier: Sequence[str]) -> list[ChatMessage]:
    """Return the messages that ask a language model to restate `question`."""
    before = "\n".join(f"- {one}" for one in earlier)
    return messages(_INSTRUCTIONS, f"Asked before:\n{before}\n\nThe last question: {question}")
