"""What a question means: what was asked before it, and what a person says it means."""

from dataclasses import replace

from llama_index.core.llms import LLM
from workflows import Context

from alir.errors import InvalidSetting, SessionsFailed
from alir.events.agent import By, QuestionRestated
from alir.models.answers import AgentQuestion
from alir.ports import Sessions
from alir.steps.agent import clarify, restate
from alir.workflows.budget_tracker import AgentState, BudgetTracker


async def restated(
    ctx: Context[AgentState], inquiry: AgentQuestion, *, sessions: Sessions | None, llm: LLM | None
) -> AgentQuestion:
    """Return the question so that it stands alone, streaming that it was restated."""
    if inquiry.session is None:
        return inquiry
    if sessions is None:
        raise InvalidSetting("session", "this agent keeps no conversations", "Leave it out.")
    asked = inquiry.question
    earlier = await sessions.asked_questions(inquiry.session)
    if not earlier:
        return inquiry
    reply = await BudgetTracker(ctx, inquiry).consult(restate.prompt(asked, earlier), llm=llm)
    question = reply[0] if reply else restate.restate(asked, earlier)
    if question is None or question == asked:
        return inquiry
    by: By = "llm" if reply else "rules"
    ctx.write_event_to_stream(QuestionRestated(asked=asked, question=question, by=by))
    return replace(inquiry, question=question)


async def meanings(
    ctx: Context[AgentState], inquiry: AgentQuestion, *, llm: LLM | None
) -> list[str]:
    """Return what the question may mean, if that is more than one thing."""
    purse = BudgetTracker(ctx, inquiry)
    if llm is None:
        await purse.note("Nobody was asked what the question means: that needs a language model.")
    return clarify.meanings_of(await purse.consult(clarify.prompt(inquiry.question), llm=llm))


async def remember(
    ctx: Context[AgentState], inquiry: AgentQuestion, answer: str, *, sessions: Sessions | None
) -> None:
    """Keep the question and its answer for those that follow; the answer says if that failed."""
    if inquiry.session is None or sessions is None:
        return
    try:
        await sessions.add_turn(inquiry.session, inquiry.question, answer)
    except SessionsFailed as error:
        await BudgetTracker(ctx, inquiry).note(f"This question is not remembered. {error}")
