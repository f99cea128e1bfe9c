"""Any sequence of calls, closings and crashes of the connection, against a dictionary."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alir.models.records import SourceRecord
from alir.storage.ledger import SqliteLedger

T = TypeVar("T")

ids = st.sampled_from([f"id{number}" for number in range(8)])
hashes = st.sampled_from(["", "h1", "h2", "h3"])
records = st.builds(
    SourceRecord,
    ids,
    st.binary(min_size=1, max_size=8).map(
        lambda name: Path("/") / name.replace(b"\0", b"_").decode("utf-8", "surrogateescape")
    ),
    st.integers(0, 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    hashes,
    st.text("v12", max_size=3),
    st.integers(0, 2**31),
    st.sampled_from(["planned", "written", "verified", "settled"]),
    st.text("v12", max_size=3),
    st.integers(0, 2**63 - 1),
)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = SqliteLedger(Path(self.folder.name, "x.ledger"), "notes")
        self.known: dict[str, SourceRecord] = {}
        self.runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @rule(some=st.lists(records, max_size=5))
    def record(self, some: list[SourceRecord]) -> None:
        self.run(self.ledger.record_sources(some))
        self.known |= {one.source_id: one for one in some}

    @rule(gone=st.lists(ids, max_size=3))
    def forget(self, gone: list[str]) -> None:
        self.run(self.ledger.forget_sources(gone))
        for one in gone:
            self.known.pop(one, None)

    @rule(some=st.lists(records, max_size=5), fails=st.booleans())
    def replace_all(self, some: list[SourceRecord], fails: bool) -> None:
        async def found() -> AsyncIterator[SourceRecord]:
            for one in some:
                yield one
            if fails:
                raise ConnectionError

        try:
            self.run(self.ledger.replace_sources(found()))
        except ConnectionError:
            return
        self.known = {one.source_id: one for one in some}

    @rule()
    def close(self) -> None:
        self.run(self.ledger.aclose())

    @rule()
    def another_event_loop(self) -> None:
        self.runner.close()
        self.runner = asyncio.Runner()

    @invariant()
    def it_holds_what_the_dictionary_holds(self) -> None:
        async def everything() -> dict[str, SourceRecord]:
            return {one.source_id: one async for one in self.ledger.all_sources()}

        assert self.run(everything()) == self.known
        assert self.run(self.ledger.source_records(list(self.known))) == self.known
        stages = [one.stage for one in self.known.values()]
        counted = self.run(self.ledger.count_by_stage())
        assert counted == {stage: stages.count(stage) for stage in counted}
        assert self.run(self.ledger.is_empty()) == (not self.known)

    def teardown(self) -> None:
        self.run(self.ledger.aclose())
        self.runner.close()
        self.folder.cleanup()


TestLedgerAgainstADictionary = LedgerMachine.TestCase
TestLedgerAgainstADictionary.settings = settings(
    max_examples=30,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
