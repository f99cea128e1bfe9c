"""alir put together: from scripts, more than once, and with other people's parts."""

import asyncio
import gc
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from llama_index.core import Settings as LlamaSettings
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import Document

from alir import Alir, AlirMilvusStore, Settings
from alir.app.garbage_collection import tune_garbage_collection
from alir.errors import CollectionMismatch, InvalidSetting
from alir.inference.embeddings import LocalEmbedding
from alir.inference.embeddings.token_batcher import TextKind
from alir.testing import HashEmbedding, MilvusServer

TUTORIAL = Path(__file__).resolve().parents[2] / "examples" / "tutorial.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "cats.txt").write_text("Cats sleep most of the day. They hunt at night.")
    (folder / "bees.txt").write_text("Bees make honey. A hive has one queen.")
    return folder


def test_a_plain_script_runs_both_workflows_twice_in_one_process(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings.load(milvus_uri=str(tmp_path / "app.db"))

    async def run() -> tuple[int, str]:
        async with Alir(settings, embedding=HashEmbedding()) as app:
            report = await app.ingest.run(paths=[folder])
            answer = await app.ask.run(question="Who makes honey?")
            return report.added, answer.text

    assert asyncio.run(run()) == (2, "Bees make honey. [1]")
    assert asyncio.run(run()) == (0, "Bees make honey. [1]")


def test_an_interactive_shell_runs_them_with_a_bare_await(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "session.ipy"
    script.write_text(
        "from alir import Alir, Settings\n"
        "from alir.testing import HashEmbedding\n"
        f"settings = Settings.load(milvus_uri={str(tmp_path / 'shell.db')!r})\n"
        "app = Alir(settings, embedding=HashEmbedding())\n"
        f"print((await app.ingest.run(paths=[{str(folder)!r}])).added)\n"
        "print((await app.ask.run(question='Who makes honey?')).text)\n"
        "await app.aclose()\n"
    )
    shell = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)],
        env={"IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shell.stdout.splitlines()[-2:] == ["2", "Bees make honey. [1]"], shell.stderr


async def test_on_a_server_without_bm25_answers_degrade_and_say_so(
    folder: Path, milvus_server: MilvusServer
) -> None:
    settings = Settings.load(milvus_uri=milvus_server.uri, collection="old_server")
    async with Alir(settings, embedding=HashEmbedding()) as app:
        report = await app.ingest.run(paths=[folder])
        assert (report.added, report.chunks) == (2, 2)
        report = await app.ingest.run(paths=[folder])
        assert (report.unchanged, report.chunks) == (2, 2)
        answer = await app.ask.run(question="Who makes honey?")
        assert answer.text == "Bees make honey. [1]"
        [sentence] = answer.degraded
        assert sentence.startswith("No keyword search:")
        assert "Milvus 2.5 or newer" in sentence
        (folder / "bees.txt").unlink()
        report = await app.ingest.run(paths=[folder])
        assert (report.deleted, report.chunks) == (1, 1)
        status = await app.status()
        assert status["keyword_search"] is False
        await app.vector_store.aclear()


async def test_a_collection_of_another_model_is_refused_before_anything_is_embedded(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings.load(milvus_uri=str(tmp_path / "app.db"))
    async with Alir(settings, embedding=HashEmbedding(dim=64)) as app:
        await app.ingest.run(paths=[folder])
    async with Alir(settings, embedding=HashEmbedding(dim=32)) as app:
        for run in (app.ingest.run(paths=[folder]), app.ask.run(question="Who?")):
            with pytest.raises(CollectionMismatch, match="model hash-64, not hash-32"):
                await run


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("chunk_tokens", 300, "300 is more than .*MiniLM.* reads, which is 254"),
        ("chunk_overlap_tokens", 254, "254 is not less than a chunk"),
    ],
)
def test_chunks_that_the_model_cannot_read_are_refused(
    setting: str, value: int, sentence: str
) -> None:
    app = Alir(Settings.load(**{setting: value}))
    with pytest.raises(InvalidSetting, match=sentence):
        _ = app.ingest


def test_its_parts_serve_llama_index_s_own_index_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    store = AlirMilvusStore(str(tmp_path / "index.db"), dim=64, overwrite=True)
    documents = [Document(text="Bees make honey."), Document(text="Cats sleep.")]
    LlamaSettings.llm = MockLLM()
    index = VectorStoreIndex.from_documents(
        documents,
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=HashEmbedding(),
        use_async=True,
    )
    nodes = index.as_retriever(similarity_top_k=1).retrieve("Who makes honey?")
    assert [one.text for one in nodes] == ["Bees make honey."]
    response = index.as_query_engine(response_mode="no_text").query("Do cats sleep?")
    assert response.source_nodes[0].text == "Cats sleep."
    index.delete_ref_doc(documents[1].id_)
    assert len(index.as_retriever().retrieve("Do cats sleep?")) == 1
    store.close()


@pytest.fixture
def tutorial_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str]], str]:
    """Run the tutorial in this process, where the libraries are loaded; return what it prints."""

    def run(arguments: list[str]) -> str:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [str(TUTORIAL), *arguments])
        runpy.run_path(str(TUTORIAL), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("where", "store"), [("lite", "alir"), ("server", "alir"), ("lite", "llama-index")]
)
def test_the_tutorial_runs_to_its_end(
    where: str,
    store: str,
    folder: Path,
    request: pytest.FixtureRequest,
    tutorial_here: Callable[[list[str]], str],
) -> None:
    arguments = ["--counts", "10", "--store", store]
    arguments += ["--files", str(folder / "bees.txt"), str(folder / "cats.txt")]
    if where == "server":
        arguments += ["--uri", request.getfixturevalue("milvus_server").uri]
    if (where, store) == ("lite", "alir"):  # as a user starts it
        command = [sys.executable, str(TUTORIAL), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    else:
        printed = tutorial_here(arguments)
    assert "Indexed 2 documents" in printed
    assert "best passage" in printed
    assert "One run, not interleaved" in printed


def test_questions_use_the_documents_model_and_go_first(tmp_path: Path) -> None:
    app = Alir(Settings.load(milvus_uri=str(tmp_path / "app.db")))

    assert isinstance(app.embedding, LocalEmbedding)
    assert app.shard.embedding is app.embedding
    assert isinstance(app.ask.embedding, LocalEmbedding)
    assert app.ask.embedding._threads is app.embedding._threads
    assert app.ask.embedding._texts_are is TextKind.SENTENCE


def model_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("alir-questions", "alir-documents"))]


async def test_closing_ends_the_threads_of_the_model_and_a_later_use_starts_them(
    tmp_path: Path,
) -> None:
    app = Alir(Settings.load(milvus_uri=str(tmp_path / "app.db")))

    for _ in range(2):
        assert len(await app.embedding.aget_query_embedding("Do cats sleep?")) == 384
        assert model_threads()
        await app.aclose()
        assert model_threads() == []


@pytest.mark.parametrize(
    ("chosen", "then"),
    [
        (lambda: None, ((1000, 500, 100), True)),
        (partial(gc.set_threshold, 2000, 10, 0), ((1000, 500, 100), True)),  # Python 3.13's own
        (partial(gc.set_threshold, 90_000, 5, 5), ((90_000, 5, 5), True)),
        (partial(gc.set_threshold, 0), ((0, 10, 10), True)),
        (gc.disable, ((700, 10, 10), False)),
    ],
)
def test_the_collector_is_called_less_often_unless_the_program_chose_that_itself(
    chosen: Callable[[], None], then: tuple[tuple[int, int, int], bool]
) -> None:
    before, enabled = gc.get_threshold(), gc.isenabled()
    tune_garbage_collection.cache_clear()  # as in a program that has made no Alir yet
    try:
        gc.set_threshold(700, 10, 10)
        chosen()
        Alir(Settings.load(milvus_uri="unused.db"), embedding=HashEmbedding())
        assert (gc.get_threshold(), gc.isenabled()) == then
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        (gc.enable if enabled else gc.disable)()
