"""What of a conversation is read: its last question, and those before it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alir.server.openai.requests import ChatRequestMessage
from alir.server.schemas.answers import MAX_QUESTION_CHARS
from alir.server.schemas.requests import invalid_request

MAX_EARLIER = 10
MAX_EARLIER_CHARS = 2_000
"""Of an earlier question: it explains pronouns, and is not answered again."""
_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "input_audio": "audio clip",
    "file": "file",
    "input_file": "file",
    "video_url": "video",
}
"""The parts of messages that are not looked at, by their type."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A question, and what is said with it."""

    question: str
    earlier: list[str]
    """The last questions before it, oldest first."""
    unread: str | None
    """The images and other parts of the question that are not looked at, in a sentence."""
    earlier_unread: str | None
    """The same of the questions before."""

    @property
    def degraded(self) -> list[str]:
        """The sentences on what was not looked at."""
        return [one for one in (self.unread, self.earlier_unread) if one is not None]


def read_conversation(messages: Sequence[ChatRequestMessage]) -> Conversation:
    """Return what is read of messages.

    Raises:
        ProblemException: The last message is not a user's, or has no text or too much.
    """
    last = len(messages) - 1
    while last > 0 and messages[last].role in {"system", "developer"}:
        last -= 1  # instructions, which some clients put behind the question
    asked, at = messages[last], f"/messages/{last}"
    if asked.role != "user":
        raise invalid_request(f"{at}/role", "The last message must be a user's")
    unread = _sentence("of the question", asked.unread)
    question = asked.text.strip()
    if not question:
        missing = "The last message must have text"
        told = f"{unread} {missing}, so ask in words" if unread else missing
        raise invalid_request(f"{at}/content", told)
    if len(question) > MAX_QUESTION_CHARS:
        problem = f"A question has at most {MAX_QUESTION_CHARS} characters, not {len(question)}"
        raise invalid_request(f"{at}/content", problem)
    before = [one for one in messages[:last] if one.role == "user"]
    earlier = [one for one in before if one.text.strip()][-MAX_EARLIER:]
    return Conversation(
        question,
        [one.text.strip()[:MAX_EARLIER_CHARS] for one in earlier],
        unread,
        _sentence("of earlier messages", [kind for one in before for kind in one.unread]),
    )


def _sentence(where: str, types: Sequence[str]) -> str | None:
    if not types:
        return None
    counted = Counter(_KINDS.get(one, "other part") for one in types)
    listed = [f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counted.items()]
    be = "was" if len(types) == 1 else "were"
    return f"{' and '.join(listed)} {where} {be} not looked at: alir reads text alone."
