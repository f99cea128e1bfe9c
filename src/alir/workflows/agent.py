"""Answer a question of several parts: decompose, search for each, judge, try again, synthesize."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TypeVar, cast

from llama_index.core.llms import LLM
from llama_index.core.tools import BaseTool
from workflows import Context, Workflow, step
from workflows.events import Event

from alir.errors import DependencyError, EmptyQuestion, RetrievalFailed
from alir.events.agent import (
    AgentAnswer,
    AskAgent,
    BudgetSpent,
    EvidenceAccepted,
    EvidenceFound,
    EvidenceGathered,
    EvidenceWeak,
    MeaningAsked,
    MeaningChosen,
    QueryRewritten,
    QuestionDecomposed,
    QuestionRestated,
    QuestionUnderstood,
    SubQuestionAsked,
    SubQuestionGivenUp,
    ToolsOffered,
    ToolsUsed,
    ToolUsed,
)
from alir.events.ask import Sources, streamed
from alir.events.search import Passages, Search
from alir.models.answers import AgentQuestion, AgentState, AnsweredPart, Budget, By, SubQuestion
from alir.models.files import FileVersion
from alir.ports import Sessions
from alir.steps.agent import decompose, rewrite
from alir.steps.agent.budget_tracker import BudgetTracker
from alir.steps.agent.clarify import clarify
from alir.steps.agent.grade import MIN_GRADE, grade
from alir.steps.agent.interleave import interleave
from alir.steps.agent.remember import remember
from alir.steps.agent.restate import restate_in_session
from alir.steps.agent.synthesize_parts import evidence, synthesize_parts
from alir.steps.agent.use_tools import use_tools
from alir.steps.ask.cite import sources
from alir.steps.ask.read import live, read
from alir.steps.ask.synthesize import prompt
from alir.steps.ask.write import write
from alir.workflows.search import SearchCorpus

E = TypeVar("E", bound=Event)

MAX_ATTEMPTS = 3
"""Searches for one part of a question."""
MOVED = "A file was brought up to date meanwhile; what it said before was left out. Ask again."

NOBODY_SAID = "Nobody said which meaning was meant; the question was taken as it is."


class Agent(Workflow):
    """Decompose a question, search for each part until enough is found, answer over all of it.

    Every decision is streamed. Without `llm` the decisions are made by rules, and the answer is
    extractive: the documents' own sentences, part by part.
    """

    def __init__(
        self,
        *,
        search: SearchCorpus,
        llm: LLM | None = None,
        sessions: Sessions | None = None,
        tools: Sequence[BaseTool] = (),
        budget: Budget | None = None,
    ) -> None:
        super().__init__(timeout=None)
        self.search = search
        self.llm = llm
        self.sessions = sessions
        self.tools = tools
        self.budget = budget or Budget()

    @step
    async def understand(
        self, ctx: Context[AgentState], ev: AskAgent
    ) -> QuestionUnderstood | MeaningAsked:
        """Restate the question so that it stands alone; ask what it means, if that is not clear."""
        question = ev.question.strip()
        if not question:
            raise EmptyQuestion
        budget = ev.budget or self.budget
        inquiry = AgentQuestion(
            question, ev.session, ev.top_k, budget, started=perf_counter(), filters=ev.filters
        )
        tracker = _tracker(ctx, inquiry)
        restated = await restate_in_session(
            inquiry, sessions=self.sessions, llm=self.llm, tracker=tracker
        )
        if restated is not None:
            standalone, by = restated
            _streamed(ctx, QuestionRestated(asked=question, question=standalone, by=by))
            inquiry = replace(inquiry, question=standalone)
        may_mean = (
            await clarify(inquiry.question, llm=self.llm, tracker=tracker) if ev.may_ask else []
        )
        if not may_mean:
            return QuestionUnderstood(inquiry=inquiry)
        async with ctx.store.edit_state() as run:
            run.unclear = inquiry
            run.seconds_before = perf_counter() - inquiry.started
        return MeaningAsked(question=inquiry.question, meanings=may_mean)

    @step
    async def listen(
        self, ctx: Context[AgentState], ev: MeaningChosen
    ) -> QuestionUnderstood | None:
        """Go on with the meaning that a person chose; the time they took is not counted."""
        async with ctx.store.edit_state() as run:
            inquiry, run.unclear = run.unclear, None
        if inquiry is None:
            return None
        question = ev.meaning.strip()
        if not question:
            question = inquiry.question
            await _tracker(ctx, inquiry).note(NOBODY_SAID)
        started = perf_counter() - run.seconds_before
        return QuestionUnderstood(inquiry=replace(inquiry, question=question, started=started))

    @step
    async def decompose(
        self, ctx: Context[AgentState], ev: QuestionUnderstood
    ) -> list[SubQuestionAsked | ToolsOffered]:
        """Find the parts of the question, and offer the tools beside them."""
        question = ev.inquiry.question
        reply = await _tracker(ctx, ev.inquiry).consult(decompose.prompt(question), llm=self.llm)
        parts = decompose.parts_of(reply, question) if reply else decompose.decompose(question)
        decided = QuestionDecomposed(question=question, parts=parts, by="llm" if reply else "rules")
        ctx.write_event_to_stream(decided)
        asked = [
            SubQuestionAsked(inquiry=ev.inquiry, part=SubQuestion(number, part, query=part))
            for number, part in enumerate(parts, start=1)
        ]
        return [*asked, ToolsOffered(inquiry=ev.inquiry)] if self.tools else [*asked]

    @step
    async def use_tools(self, ctx: Context[AgentState], ev: ToolsOffered) -> ToolsUsed:
        """Let the language model choose tools for the question, and call them."""

        passages = await use_tools(
            ev.inquiry.question,
            tools=self.tools,
            llm=self.llm,
            tracker=_tracker(ctx, ev.inquiry),
            on_used=lambda call, output: ctx.write_event_to_stream(
                ToolUsed(
                    tool=call.tool_name,
                    arguments=call.tool_kwargs,
                    output=output.content,
                    is_error=output.is_error,
                )
            ),
        )
        return ToolsUsed(inquiry=ev.inquiry, passages=passages)

    @step
    async def retrieve(
        self, ctx: Context[AgentState], ev: SubQuestionAsked | QueryRewritten
    ) -> EvidenceFound | SubQuestionGivenUp:
        """Search for one part, as a question of its own."""
        tracker = _tracker(ctx, ev.inquiry)
        refusal = await tracker.spend()
        if refusal is not None:
            return _given_up(ctx, ev, refusal)
        search = _search(ev.part, ev.inquiry)
        try:
            async with asyncio.timeout(tracker.seconds_left):
                found = cast("Passages", await self.search.run(start_event=search))
        except TimeoutError:
            return _given_up(ctx, ev, await tracker.run_out_of_time())
        except DependencyError as error:
            reason = error.told()
            await tracker.note(f"“{ev.part.question}” could not be searched for: {reason}")
            return _given_up(ctx, ev, reason, is_failure=True)
        await tracker.note(*found.degraded)
        event = EvidenceFound(inquiry=ev.inquiry, part=ev.part, passages=found.passages)
        return _streamed(ctx, event)

    @step
    async def grade(
        self, ctx: Context[AgentState], ev: EvidenceFound
    ) -> EvidenceAccepted | EvidenceWeak:
        """Judge what was found for a part, and add it to what its other searches found."""
        part = ev.part
        found = await grade(part.question, ev.passages, embedding=self.search.embedding)
        most = max(len(part.passages), len(ev.passages))
        passages = interleave([part.passages, ev.passages])[:most]
        part = replace(part, passages=tuple(passages), grade=max(part.grade, found))
        if found >= MIN_GRADE:
            return _streamed(ctx, EvidenceAccepted(inquiry=ev.inquiry, part=part))
        return _streamed(ctx, EvidenceWeak(inquiry=ev.inquiry, part=part, grade=found))

    @step
    async def rewrite(
        self, ctx: Context[AgentState], ev: EvidenceWeak
    ) -> QueryRewritten | SubQuestionGivenUp:
        """Rewrite the query of a part, to search for it again; or give it up."""
        part = ev.part
        tried = (*part.tried, part.query)
        if len(tried) >= MAX_ATTEMPTS:
            return _given_up(ctx, ev, f"{len(tried)} searches found nothing that fits well.")
        reply = await _tracker(ctx, ev.inquiry).consult(
            rewrite.prompt(part.question, tried), llm=self.llm
        )
        query = rewrite.query_of(reply, tried)
        by: By = "rules" if query is None else "llm"
        if query is None:
            query = await asyncio.to_thread(rewrite.rewrite, part.question, tried, part.passages)
        if query is None:
            return _given_up(ctx, ev, "There are no other words to search with.")
        part = replace(part, query=query, tried=tried)
        return _streamed(ctx, QueryRewritten(inquiry=ev.inquiry, part=part, by=by))

    @step
    async def gather(
        self, ctx: Context[AgentState], ev: list[EvidenceAccepted | SubQuestionGivenUp | ToolsUsed]
    ) -> EvidenceGathered:
        """Bring the parts together, and read their passages again."""
        tool_passages = [one for used in ev if isinstance(used, ToolsUsed) for one in used.passages]
        settled = [one for one in ev if not isinstance(one, ToolsUsed)]
        settled.sort(key=lambda one: one.part.number)
        failures = [reason for one in settled if (reason := _failure(one))]
        if len(failures) == len(settled):
            raise RetrievalFailed(failures)
        inquiry = settled[0].inquiry
        parts, texts = await self._read(
            _tracker(ctx, inquiry), [one.part for one in settled], inquiry
        )
        return EvidenceGathered(
            inquiry=inquiry,
            parts=parts,
            answered=[_answered(one) for one in settled],
            tool_passages=tool_passages,
            texts=texts | {p.node.node_id: p.node.get_content() for p in tool_passages},
            seconds=perf_counter() - inquiry.started,
        )

    @step
    async def synthesize(self, ctx: Context[AgentState], ev: EvidenceGathered) -> AgentAnswer:
        """Write the answer over all that was found, streaming it, and check what it cites."""
        started = perf_counter()
        question, passages = ev.inquiry.question, interleave([evidence(ev.parts), ev.tool_passages])
        shown = sources(passages)
        ctx.write_event_to_stream(Sources(sources=shown))

        tracker = _tracker(ctx, ev.inquiry)
        embedding = self.search.embedding
        is_written = (
            self.llm is not None
            and bool(passages)
            and await tracker.may_ask(await asyncio.to_thread(prompt, question, passages))
        )
        written = await write(
            question,
            passages,
            ev.texts,
            extract=partial(synthesize_parts, ev.parts, passages, embedding=embedding),
            llm=self.llm if is_written else None,
            embedding=embedding,
            show=lambda piece: ctx.write_event_to_stream(streamed(piece)),
            within_s=tracker.seconds_left,
        )
        if written.mode == "llm":
            await tracker.count_reply([written.text])
        await remember(ev.inquiry, written.text, sessions=self.sessions, tracker=tracker)
        spent = await ctx.store.get_state()
        now = perf_counter()
        return AgentAnswer(
            question=question,
            text=written.text,
            mode=written.mode,
            citations=written.citations.made,
            sources=shown,
            parts=ev.answered,
            degraded=list(dict.fromkeys([*spent.degraded, *written.degraded])),
            removed_citations=written.citations.removed,
            sentences=written.sentences,
            is_cut=written.is_cut,
            spent={"calls": spent.calls, "tokens": spent.tokens},
            seconds={
                "evidence": ev.seconds,
                "synthesize": now - started,
                "total": now - ev.inquiry.started,
            },
        )

    async def _read(
        self, tracker: BudgetTracker, parts: list[SubQuestion], inquiry: AgentQuestion
    ) -> tuple[list[SubQuestion], dict[str, str]]:
        """Return the parts with live passages, and their texts; search again where a file moved."""
        store = self.search.vector_store
        found = await read(evidence(parts), vector_store=store)
        for _ in range(MAX_ATTEMPTS):
            if not found.stale or await tracker.spend() is not None:
                break
            for at, part in enumerate(parts):
                if _without(part, found.stale).passages != part.passages:
                    run = self.search.run(start_event=_search(part, inquiry))
                    again = cast("Passages", await run)
                    parts[at] = replace(part, passages=tuple(again.passages))
            found = await read(evidence(parts), vector_store=store)
        if found.stale:
            await tracker.note(MOVED)
        return [_without(part, found.stale) for part in parts], found.texts


def _streamed(ctx: Context[AgentState], event: E) -> E:
    ctx.write_event_to_stream(event)
    return event


def _tracker(ctx: Context[AgentState], inquiry: AgentQuestion) -> BudgetTracker:
    return BudgetTracker(
        inquiry,
        edit_state=ctx.store.edit_state,
        on_spent=lambda reason: ctx.write_event_to_stream(BudgetSpent(reason=reason)),
    )


def _search(part: SubQuestion, inquiry: AgentQuestion) -> Search:
    return Search(question=part.query, top_k=inquiry.top_k, filters=inquiry.filters)


def _given_up(
    ctx: Context[AgentState],
    ev: SubQuestionAsked | QueryRewritten | EvidenceWeak,
    reason: str,
    *,
    is_failure: bool = False,
) -> SubQuestionGivenUp:
    given_up = SubQuestionGivenUp(
        inquiry=ev.inquiry, part=ev.part, reason=reason, is_failure=is_failure
    )
    return _streamed(ctx, given_up)


def _failure(settled: EvidenceAccepted | SubQuestionGivenUp) -> str:
    """Return why a part could not be searched for; empty if something was found."""
    if isinstance(settled, SubQuestionGivenUp) and settled.is_failure:
        return "" if settled.part.passages else settled.reason
    return ""


def _answered(settled: EvidenceAccepted | SubQuestionGivenUp) -> AnsweredPart:
    part = settled.part
    is_found = isinstance(settled, EvidenceAccepted)
    return AnsweredPart(part.question, [*part.tried, part.query], part.grade, is_found)


def _without(part: SubQuestion, stale: Collection[FileVersion]) -> SubQuestion:
    return replace(part, passages=tuple(live(part.passages, stale)))
