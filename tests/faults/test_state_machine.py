"""Arbitrary sequences of what happens to a folder and to the runs that mirror it.

Files are added, edited, renamed, deleted and touched; runs fail or are cancelled at any call, one
after another; the model is changed, which an ingestion refuses and a rebuild takes in; and after
each run that completes, the collection is the folder. All over one real Milvus Lite. Long:
`pytest tests/faults/test_state_machine.py --hypothesis-profile=soak -s`.
"""

import asyncio
import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from llama_index.core.node_parser.interface import NodeParser
from pymilvus import MilvusClient
from workflows.errors import WorkflowCancelledByUser

from alir import Alir, Settings
from alir.errors import FingerprintMismatch, IngestStopped, MilvusUnavailable
from alir.testing import HashEmbedding
from tests.soak.faults import Faults, Moment
from tests.soak.judge import chunks_of, difference, stored, whole_versions

NAMES = ["a.txt", "b.md", "in/a.txt", "in/deep/er.txt", "two words.txt", "quote'\"s.txt", "ü\n.txt"]
LASTING = "lasting.txt"
"""Never deleted: a folder without a file is refused, for it may not be mounted."""

names = st.sampled_from(NAMES)
# Few different texts, so that an edit often goes back to an earlier version, or makes two files
# alike; up to six chunks, so that they share batches.
texts = st.builds(
    lambda word, count: " ".join(f"{word}{number}" for number in range(count)),
    st.sampled_from(["hare", "tortoise", "achilles"]),
    st.sampled_from([1, 30, 90]),
)
calls = st.sampled_from(
    ["", "node_parser", "embedding", "vector_store.async_add", "vector_store.adelete", "catalog"]
)


class Mirror(RuleBasedStateMachine):
    """A folder, what its files say, and the collection that follows it."""

    done: Counter[str]
    runner: asyncio.Runner
    app: Alir
    client: MilvusClient
    faults: Faults
    node_parser: NodeParser
    """The app's, unwatched."""
    settings: Settings
    live = "machine"
    """The collection that holds the index."""
    dim = 8
    """Of the model: there are two, of 8 and of 16 dimensions."""
    changes: int
    """Of the model, at most: each takes a second."""

    @classmethod
    def open(cls, dim: int) -> None:
        """Go on with this model; the collection is still another's."""
        if hasattr(cls, "app"):
            cls.runner.run(cls.app.aclose())
        cls.dim, cls.faults = dim, Faults()
        cls.app = Alir(cls.settings, embedding=HashEmbedding(dim=dim))
        cls.app.shard.batch_chunks = 4
        cls.node_parser = cls.app.shard.node_parser
        cls.faults.watch(cls.app)

    @initialize()
    def begin(self) -> None:
        self.temporary = TemporaryDirectory()
        self.folder = Path(self.temporary.name).resolve() / uuid4().hex
        self.folder.mkdir()
        self.texts: dict[Path, str] = {}
        self.published: dict[Path, str] = {}
        """What the last complete run found: each file's old version."""
        self.since: dict[Path, list[str]] = {}
        """What each file held at a run since then, all of them that failed."""
        self.write(LASTING, "This file lasts.")
        self.done["examples"] += 1

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.texts[path] = text

    @invariant()
    def one_more_step(self) -> None:
        self.done["steps"] += 1

    @rule(name=names, text=texts)
    def add_or_edit(self, name: str, text: str) -> None:
        self.write(name, text)

    @rule(text=texts)
    def edit_what_lasts(self, text: str) -> None:
        self.write(LASTING, text)

    @rule(name=names, other=names)
    def rename(self, name: str, other: str) -> None:
        old, new = self.folder / name, self.folder / other
        if old in self.texts and old != new:
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            self.texts[new] = self.texts.pop(old)

    @rule(name=names)
    def delete(self, name: str) -> None:
        if self.texts.pop(self.folder / name, None) is not None:
            (self.folder / name).unlink()

    @rule(name=names, seconds=st.integers(0, 2**31))
    def touch(self, name: str, seconds: int) -> None:
        if self.folder / name in self.texts:
            os.utime(self.folder / name, (seconds, seconds))

    @rule()
    def run(self) -> None:
        self.faults.none()
        self.runner.run(self.ingest())
        self.done["complete runs"] += 1
        self.check_the_mirror()

    @rule(
        name=names,
        text=texts,
        of=calls,
        call=st.integers(1, 3),
        moment=st.sampled_from(["before", "after"]),
        how=st.sampled_from(["failed", "cancelled"]),
    )
    def crash(self, *, name: str, text: str, of: str, call: int, moment: Moment, how: str) -> None:
        """A run that takes in an edit, at least, and may end before it is done."""
        self.write(name, text)
        self.runner.run(self.ingest(call=call, of=of, moment=moment, how=how))

    @precondition(lambda self: self.published and self.done["changes of the model"] < self.changes)
    @rule()
    def change_the_model(self) -> None:
        """Refused by a plain run; a rebuild makes an index of what the folder holds now."""
        before = self.rows()
        self.open(dim=24 - self.dim)
        self.faults.none()
        self.runner.run(self.refused())
        assert self.rows() == before
        self.runner.run(self.rebuild())
        self.published, self.since = dict(self.texts), {}
        self.done["changes of the model"] += 1
        self.check_the_mirror()
        every = self.client.query(self.live, filter="", output_fields=["embedding"], limit=16_384)
        assert {len(row["embedding"]) for row in every} == {self.dim}

    @precondition(lambda self: self.published)
    @rule()
    def look(self) -> None:
        """A file that has not gone is there in one of the versions that runs have seen."""
        rows = self.rows()
        for path, text in self.published.items():
            if None in (seen := self.since.get(path, [])):
                continue  # a run found it gone
            allowed = [chunks_of(one, self.node_parser) for one in [text, *seen]]
            held = whole_versions(rows, path)
            assert held, f"{path.name} is lost"
            assert all(one in allowed for one in held), f"{path.name} is torn"

    def teardown(self) -> None:
        if hasattr(self, "temporary"):
            self.run()
            self.temporary.cleanup()

    async def ingest(self, *, how: str = "", **plan: object) -> None:
        """Run; into a fault if `how` names one."""
        for path in self.texts.keys() | self.published.keys():
            self.since.setdefault(path, []).append(self.texts.get(path))
        loop = asyncio.get_running_loop()
        cancelling: list[asyncio.Task[None]] = []

        def fail() -> None:
            if how == "failed":
                raise MilvusUnavailable("a fault of the test")
            loop.call_soon_threadsafe(
                lambda: cancelling.append(loop.create_task(handler.cancel_run()))
            )

        if how:
            self.faults.plan(fail, **plan)
        handler = self.app.ingest.run(paths=[self.folder])
        try:
            await handler
        except (MilvusUnavailable, IngestStopped, WorkflowCancelledByUser):
            assert self.faults.happened
            self.done[f"runs that {'failed' if how == 'failed' else 'were cancelled'}"] += 1
        else:
            self.published, self.since = dict(self.texts), {}
            if how:
                self.done["runs that outran the fault"] += 1
                self.check_the_mirror()
        await asyncio.gather(*cancelling)

    async def refused(self) -> None:
        with pytest.raises(FingerprintMismatch):
            await self.app.ingest.run(paths=[self.folder])

    async def rebuild(self) -> None:
        # Of this folder alone, without those of the examples before.
        report = await self.app.rebuild.run(paths=[self.folder], switch_anyway=True)
        type(self).live = report.collection
        await self.app.collection_versions.drop_kept()

    def rows(self) -> list[dict[str, Any]]:
        every = stored(self.client, self.live)
        return [row for row in every if str(row["file_path"]).startswith(f"{self.folder}/")]

    def check_the_mirror(self) -> None:
        found = difference(self.rows(), self.texts, self.node_parser)
        assert not found, found


SHORT = settings(
    max_examples=12,
    stateful_step_count=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SOAK = settings(SHORT, max_examples=60, stateful_step_count=50, derandomize=False)


def test_after_every_complete_run_the_collection_is_the_folder(
    lite_file: Path, client: MilvusClient, request: pytest.FixtureRequest
) -> None:
    long = request.config.getoption("--hypothesis-profile") == "soak"
    chosen = Settings.load(
        milvus_uri=str(lite_file), collection=Mirror.live, chunk_tokens=64, chunk_overlap_tokens=0
    )
    Mirror.done, Mirror.client, Mirror.settings = Counter(), client, chosen
    Mirror.changes = 60 if long else 6
    with asyncio.Runner() as Mirror.runner:
        Mirror.open(dim=8)
        try:
            run_state_machine_as_test(Mirror, settings=SOAK if long else SHORT)
        finally:
            Mirror.runner.run(Mirror.app.aclose())
            print("\n" + ", ".join(f"{count} {what}" for what, count in Mirror.done.items()))
    assert Mirror.done["changes of the model"] >= 3
    assert Mirror.done["steps"] >= (2000 if long else 100)
