"""Remember: what a session keeps, and what an answer says if it cannot."""

from typing import Any

from alir.errors import SessionsFailed
from alir.steps.agent.remember import remember


class Kept:
    """Sessions that keep what is added, or fail."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.added: list[tuple[str, ...]] = []
        self._is_full = is_full

    async def asked_questions(self, session: str) -> list[str]:
        return [question for name, question, _ in self.added if name == session]

    async def add_turn(self, session: str, question: str, answer: str) -> None:
        if self._is_full:
            raise SessionsFailed("/disk/a.sessions", "the disk is full")
        self.added.append((session, question, answer))


async def test_a_question_of_a_session_is_kept_and_any_other_is_not(spending: Any) -> None:
    kept, tracker = Kept(), spending.tracker()

    await remember(spending.inquiry("Who?", "talk"), "Bees.", sessions=kept, tracker=tracker)
    await remember(spending.inquiry("Why?"), "So.", sessions=kept, tracker=tracker)
    await remember(spending.inquiry("Why?", "talk"), "So.", sessions=None, tracker=tracker)

    assert kept.added == [("talk", "Who?", "Bees.")]


async def test_a_session_that_fails_is_noted(spending: Any) -> None:
    inquiry = spending.inquiry("Who?", "talk")

    await remember(inquiry, "Bees.", sessions=Kept(is_full=True), tracker=spending.tracker())

    [sentence] = spending.state.degraded
    assert sentence.startswith("This question is not remembered. ")
