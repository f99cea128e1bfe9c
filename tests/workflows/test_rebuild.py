"""A change of the model or the chunks: refused, then built beside, while questions go on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.schema import TextNode
from workflows.errors import WorkflowCancelledByUser

from alir import Alir, AlirMilvusStore, Settings
from alir.errors import (
    CollectionMismatch,
    FingerprintMismatch,
    NothingKept,
    NothingToRebuild,
    RebuildIncomplete,
    RunInProgress,
)
from alir.events.ask import Answer
from alir.events.ingest import IngestReport
from alir.events.rebuild import RebuildReport
from alir.models.secret_url import SecretUrl
from alir.testing import HashEmbedding, MilvusServer
from tests.soak.faults import Faults

CHUNKS = {"chunk_tokens": 64, "chunk_overlap_tokens": 0}
FILES = 12
SHARD_CHARS = 2000


@pytest.fixture
def bees(tmp_path: Path) -> Path:
    """A folder of documents of a few chunks each."""
    folder = tmp_path / "bees"
    folder.mkdir()
    for number in range(FILES):
        words = " ".join(f"Bee {number} makes {count} pots of honey." for count in range(40))
        (folder / f"{number:02}.txt").write_text(words)
    return folder


@pytest.fixture
def chosen(lite_file: Path) -> Settings:
    """Settings of an index of the test's own on Milvus Lite."""
    return Settings.load(milvus_uri=str(lite_file), collection=f"r_{uuid4().hex[:12]}", **CHUNKS)


@pytest.fixture
def on_server(chosen: Settings, milvus_server: MilvusServer, tmp_path: Path) -> Settings:
    """The same on a server."""
    return chosen.model_copy(
        update={"milvus_uri": SecretUrl(milvus_server.uri), "ledger": tmp_path / "server.ledger"}
    )


@pytest.fixture(params=["chosen", "on_server"])
def anywhere(request: pytest.FixtureRequest) -> Settings:
    """The same on either."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings


def alir(settings: Settings, dim: int = 8, **changed: Any) -> Alir:
    return Alir(settings.model_copy(update=changed), embedding=HashEmbedding(dim=dim))


async def ingest(app: Alir, *paths: Path) -> IngestReport:
    report: IngestReport = await app.ingest.run(paths=[*paths])
    return report


async def rebuild(app: Alir, **start: Any) -> RebuildReport:
    report: RebuildReport = await app.rebuild.run(**start)
    return report


async def texts(app: Alir) -> set[str]:
    """The chunks of the index that the name means now."""
    live = await app.collection_versions.live_version()
    assert live is not None
    store = app.collection_versions.catalog_of(live.collection)._store
    return {row["text"] async for row in store.scan("", ["text"])}


# Refused


async def test_an_index_made_with_anything_else_is_refused_before_anything_is_written(
    chosen: Settings, bees: Path
) -> None:
    async with alir(chosen) as app:
        await ingest(app, bees)
        before = await texts(app)
        (bees / "new.txt").write_text("Wasps.")
        (bees / "00.txt").unlink()
        for changed, named in (
            ({"chunk_tokens": 128}, "chunks of 64 tokens, not 128.*ALIR_CHUNK_TOKENS=64"),
            ({"chunk_overlap_tokens": 8}, "overlap of 0 tokens, not 8.*_OVERLAP_TOKENS=0"),
            ({"analyzer": "jieba"}, "words as english cuts them, not jieba.*ALIR_ANALYZER=english"),
            ({"dim": 16}, "model hash-8, not hash-16.*ALIR_EMBED_MODEL=hash-8"),
        ):
            async with alir(chosen, **changed) as other:
                with pytest.raises(FingerprintMismatch, match=named) as refused:
                    await ingest(other, bees)
                assert "alir rebuild" in str(refused.value)
                assert await texts(app) == before
                if "dim" not in changed:  # how the texts were cut is no matter for a question
                    assert "honey" in (await other.ask.run(question="Who makes honey?")).text
        assert (await ingest(app, bees)).added == 1


async def test_other_weights_under_the_same_name_are_another_model(
    chosen: Settings, tmp_path: Path, bees: Path
) -> None:
    real = Alir(chosen)._model
    assert real is not None
    model = tmp_path / "model"
    model.mkdir()
    for path in real.folder.iterdir():
        (model / path.name).symlink_to(path)
    settings = chosen.model_copy(update={"embed_model": str(model)})
    async with Alir(settings) as app:
        node = TextNode(text="words", embedding=[1.0] * 384)
        await app.vector_store.async_add([node])  # what an ingestion would do, without the model
        live = await app.vector_store.live()
        assert live is not None
        assert live[1]["weights"] == real.weights
    async with Alir(chosen) as renamed:
        assert await renamed.vector_store.live() == live
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").write_bytes(b"other weights")
    async with Alir(settings) as other:
        for run in (other.ingest.run(paths=[bees]), other.ask.run(question="Why?")):
            with pytest.raises(FingerprintMismatch, match="weights 53aa51172d14, not "):
                await run
        assert await other.collection_versions.catalog_of(live[0]).count_chunks() == 1


async def test_an_index_of_an_older_alir_is_held_to_what_it_says_and_to_what_the_ledger_noted(
    chosen: Settings, bees: Path
) -> None:
    made = {"dim": 8, "similarity_metric": "COSINE", "embedding_model": "hash-8"}
    old = AlirMilvusStore(chosen.milvus_uri, "", chosen.collection, enable_sparse=None, **made)
    await old.async_add([TextNode(text="words", embedding=[1.0] * 8)])
    await old.aclose()
    async with alir(chosen, chunk_tokens=128) as app:
        assert (await ingest(app, bees)).added == FILES
    async with alir(chosen) as other:
        with pytest.raises(FingerprintMismatch, match="chunks of 128 tokens, not 64"):
            await ingest(other, bees)
    async with alir(chosen, dim=16) as other:
        with pytest.raises(CollectionMismatch, match="model hash-8, not hash-16"):
            await ingest(other, bees)


async def test_two_that_make_an_index_at_once_make_the_same_one(
    on_server: Settings, bees: Path, tmp_path: Path
) -> None:
    halves = sorted(bees.iterdir())[::6]
    apps = [alir(on_server, ledger=tmp_path / str(number)) for number in range(2)]
    await asyncio.gather(*(ingest(app, path) for app, path in zip(apps, halves, strict=True)))
    assert await apps[0].catalog.count_files() == 2
    assert [*await apps[0].collection_versions.other_versions()] == []
    for app in apps:
        await app.aclose()


# Rebuilt


async def test_while_another_model_s_index_is_built_questions_go_on(
    anywhere: Settings, bees: Path
) -> None:
    async with alir(anywhere) as app, alir(anywhere, dim=16) as other:
        await ingest(app, bees)
        (bees / "00.txt").unlink()
        async with _asked_all_the_while(app) as answers:
            report = await rebuild(other)
        assert (report.files, report.embedded) == (FILES - 1, report.chunks)
        assert (report.gone, report.lacking, report.failed) == ([bees / "00.txt"], [], [])
        print(f"\n{len(answers)} questions answered in the {report.seconds['total']:.2f} s of it")
        assert len(answers) > 3
        assert all("honey" in answer.text for answer in answers)
        # Who was there before goes on with the old index; who comes now must have the new model.
        assert "honey" in (await app.ask.run(question="Who makes honey?")).text
        assert app.vector_store._collection.name == report.previous
        assert "honey" in (await other.ask.run(question="Who makes honey?")).text
        with pytest.raises(FingerprintMismatch):
            await ingest(app, bees)
        assert (await ingest(other, bees)).unchanged == FILES - 1
        known = {record.path async for record in other.ledger.all_sources()}
        assert known == {*bees.iterdir()}, "what the new index never held is forgotten"

        back = await other.collection_versions.roll_back()
        assert (back.collection, back.made_with["embedding_model"]) == (report.previous, "hash-8")
        assert (await ingest(app, bees)).deleted == 1
        with pytest.raises(FingerprintMismatch):
            await ingest(other, bees)
        again = await rebuild(other)
        assert (again.collection, again.embedded) == (report.collection, 0)
        status = await other.status()
        assert (status["live"], status["kept"]) == (report.collection, [report.previous])
        assert await other.collection_versions.drop_kept() == [report.previous]
        with pytest.raises(CollectionMismatch, match="alir rebuild"):
            await app.ask.run(question="Who makes honey?")
        with pytest.raises(NothingKept):
            await other.collection_versions.roll_back()


async def test_an_answer_is_wholly_of_the_old_index_or_wholly_of_the_new(
    chosen: Settings, bees: Path
) -> None:
    async with alir(chosen) as app, alir(chosen, chunk_tokens=128) as other:
        await ingest(app, bees)
        old = await texts(app)
        # A reader that looks at every question, and would follow in the middle of one.
        async with _asked_all_the_while(app, looks=True) as answers:
            report = await rebuild(other)
        new = await texts(other)
        answers.append(await _asked(app, looks=True))
        assert not old & new
        found = [{source.text for source in answer.sources} for answer in answers]
        assert all(one and (one <= old or one <= new) for one in found)
        assert found[0] <= old
        assert found[-1] <= new
        assert app.vector_store._collection.name == report.collection


async def test_a_file_that_cannot_be_read_any_more_keeps_the_old_index_in_its_place(
    chosen: Settings, bees: Path
) -> None:
    async with alir(chosen) as app, alir(chosen, dim=16) as other:
        await ingest(app, bees)
        (bees / "03.txt").write_bytes(b"")
        with pytest.raises(RebuildIncomplete, match=r"03\.txt .*--switch-anyway") as refused:
            await rebuild(other)
        assert "(" in str(refused.value), "why it cannot be read"
        live = await app.vector_store.live()
        assert live is not None
        assert live[0] == chosen.collection
        report = await rebuild(other, switch_anyway=True)
        assert (report.files, report.lacking) == (FILES - 1, [bees / "03.txt"])
        assert report.embedded == 0, "it went on from what was built"


async def test_a_folder_that_is_gone_is_no_reason_to_forget_it(
    chosen: Settings, bees: Path
) -> None:
    async with alir(chosen) as app, alir(chosen, dim=16) as other:
        await ingest(app, bees)
        for path in sorted(bees.iterdir())[1:]:
            path.unlink()
        with pytest.raises(RebuildIncomplete, match="11 of the 12 files held are gone"):
            await rebuild(other)
        assert await app.catalog.count_files() == FILES


async def test_paths_say_what_is_indexed_and_nothing_is_left_out_unasked(
    chosen: Settings, bees: Path, folder: Path
) -> None:
    async with alir(chosen) as app, alir(chosen, dim=16) as other:
        await ingest(app, bees, folder)
        with pytest.raises(RebuildIncomplete, match=r"bees\.txt .*not named"):
            await rebuild(other, paths=[bees])
        report = await rebuild(other, paths=[bees, folder])
        assert report.files == FILES + 3


async def test_there_may_be_nothing_to_rebuild(chosen: Settings, bees: Path) -> None:
    async with alir(chosen) as app:
        with pytest.raises(NothingToRebuild, match="does not exist"):
            await rebuild(app)
        await ingest(app, bees)
        with pytest.raises(NothingToRebuild, match="the present settings"):
            await rebuild(app)


async def test_a_rebuild_that_was_cancelled_goes_on_and_one_for_other_settings_is_dropped(
    chosen: Settings, bees: Path
) -> None:
    async with alir(chosen) as app, alir(chosen, dim=16) as other, alir(chosen, dim=32) as third:
        await ingest(app, bees)
        for halted, dim in ((third, 32), (other, 16)):
            await _cancelled_in_the_middle(halted)
            assert [
                one.made_with["dim"] for one in await app.collection_versions.other_versions()
            ] == [str(dim)]
            with pytest.raises(NothingKept):
                await app.collection_versions.roll_back()
            assert (await ingest(app, bees)).unchanged == FILES
        report = await rebuild(other)
        assert 0 < report.embedded < report.chunks
        assert report.files == FILES
        assert len(await app.collection_versions.other_versions()) == 1


@pytest.mark.parametrize("lost", ["the_head", "not_the_head"])
async def test_what_milvus_lost_of_a_new_index_is_made_again_and_no_rebuild_is_refused_for_ever(
    chosen: Settings, bees: Path, lost: str
) -> None:
    async with alir(chosen) as app, alir(chosen, chunk_tokens=128) as other:
        await ingest(app, bees)
        built = await other.collection_versions.begin_version()
        corpus = other._corpus_at(built)
        await corpus.run(paths=[bees])
        rows = [row async for row in corpus.vector_store.scan("", ["chunk_count", "doc_id"])]
        of_one = [row for row in rows if row["doc_id"] == rows[0]["doc_id"]]
        gone = [row["id"] for row in of_one if ("chunk_count" in row) != (lost == "not_the_head")]
        assert 0 < len(gone) < len(of_one)
        await corpus.vector_store.adelete_nodes(gone)

        report = await rebuild(other)

        assert (report.files, report.chunks) == (FILES, len(rows))
        assert len(await texts(other)) == len(rows)


async def test_an_ingestion_is_told_that_a_rebuild_is_under_way(
    chosen: Settings, bees: Path
) -> None:
    async with alir(chosen) as app, alir(chosen, dim=16) as other:
        await ingest(app, bees)
        handler = other.rebuild.run()
        async for _ in handler.stream_events():
            with pytest.raises(RunInProgress, match="a rebuild"):
                await ingest(app, bees)
            break
        assert (await handler).files == FILES


def test_a_rebuild_that_was_killed_goes_on(tmp_path: Path, bees: Path) -> None:
    settings = {"milvus_uri": str(tmp_path / "killed.db"), "collection": "killed"}

    told: dict[str, Any] = {"settings": settings, "bees": str(bees), "is_killed": True}
    command = [sys.executable, __file__, json.dumps(told)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    first = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == -signal.SIGKILL
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its Milvus Lite
    last = asyncio.run(_rebuilt(told | {"is_killed": False}))
    assert last["old"] == first["old"], "the old index is as it was"
    assert (last["live"], last["files"]) == ("killed__1", FILES)
    assert 0 < last["embedded"] < last["chunks"]


# How


@asynccontextmanager
async def _asked_all_the_while(app: Alir, *, looks: bool = False) -> Any:
    answers = [await _asked(app, looks=looks)]

    async def ask() -> None:
        while True:
            answers.append(await _asked(app, looks=looks))

    asking = asyncio.create_task(ask())
    try:
        yield answers
    finally:
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def _asked(app: Alir, *, looks: bool) -> Answer:
    if looks:
        app.vector_store._collection._look_at = 0.0
    answer: Answer = await app.ask.run(question="Which bee makes pots of honey?")
    return answer


async def _cancelled_in_the_middle(app: Alir) -> None:
    faults, loop = Faults(), asyncio.get_running_loop()
    _slowly(app, faults)

    def cancel() -> None:
        cancelling.append(loop.create_task(handler.cancel_run()))

    cancelling: list[asyncio.Task[None]] = []
    faults.plan(cancel, of="store.async_add", call=5)
    handler = app.rebuild.run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler
    await asyncio.gather(*cancelling)


def _slowly(app: Alir, faults: Faults) -> None:
    """Have a rebuild write little at a time, watched by `faults`."""
    corpus_at = app.rebuild.corpus_at

    def watched(collection: str) -> Any:
        corpus = corpus_at(collection)
        corpus.shards_in_flight, corpus.shard.shard_chars = 1, SHARD_CHARS
        corpus.shard.vector_store = faults.watched(corpus.vector_store, "store")
        return corpus

    app.rebuild.corpus_at = watched


async def _rebuilt(told: dict[str, Any]) -> dict[str, Any]:
    """Rebuild for another model; be killed at a call of the store, if told so."""
    faults = Faults()
    settings = Settings.load(**CHUNKS, **told["settings"])
    async with alir(settings) as app:
        app.shard.shard_chars = SHARD_CHARS
        if told["is_killed"]:
            await ingest(app, Path(told["bees"]))
        old = await app.catalog.count_chunks()
        async with alir(settings, dim=16) as other:
            _slowly(other, faults)
            if told["is_killed"]:
                print(json.dumps({"old": old}), flush=True)
                faults.plan(
                    lambda: os.kill(os.getpid(), signal.SIGKILL), of="store.async_add", call=5
                )
            report = await rebuild(other)
            live = await app.collection_versions.live_version()
        return report.to_json() | {"old": old, "live": live and live.collection}


if __name__ == "__main__":
    asyncio.run(_rebuilt(json.loads(sys.argv[1])))
