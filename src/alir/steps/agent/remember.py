"""Remember: keep a question and its answer for the questions that follow."""

from alir.errors import SessionsFailed
from alir.models.answers import AgentQuestion
from alir.ports import Sessions
from alir.steps.agent.budget_tracker import BudgetTracker


async def remember(
    inquiry: AgentQuestion, answer: str, *, sessions: Sessions | None, tracker: BudgetTracker
) -> None:
    """Add a question and its answer to its session; note it if that fails."""
    if inquiry.session is None or sessions is None:
        return
    try:
        await sessions.add_turn(inquiry.session, inquiry.question, answer)
    except SessionsFailed as error:
        await tracker.note(f"This question is not remembered. {error.told()}")
