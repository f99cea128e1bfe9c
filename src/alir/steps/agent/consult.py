"""Consult: ask a language model for a line or two to go on with, not for an answer.

Only people's words are sent, never a document's, so that no document can decide what is done.
"""

import re
from collections.abc import Sequence

from llama_index.core.llms import LLM, ChatMessage, MessageRole

from alir.steps.ask.stream import received

_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


def messages(instructions: str, asked: str) -> list[ChatMessage]:
    """Return the messages that ask `asked` of a model, with `instructions`."""
    return [
        ChatMessage(role=MessageRole.SYSTEM, content=instructions),
        ChatMessage(role=MessageRole.USER, content=asked),
    ]


async def consult(asked: Sequence[ChatMessage], *, llm: LLM) -> list[str]:
    """Return the lines of the model's reply, without bullets, quotation marks and empty ones."""
    pieces = [piece async for piece in received(await llm.astream_chat(asked))]
    lines = [_LIST_MARK.sub("", line).strip(" \t\"'“”") for line in "".join(pieces).splitlines()]
    return [line for line in lines if line]
