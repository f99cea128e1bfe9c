"""The embedding model as LlamaIndex sees it, with its real weights."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alir.errors import ModelUnavailable
from alir.inference.embeddings import LocalEmbedding, find_model
from alir.inference.embeddings.token_batcher import TextKind
from alir.settings import DEFAULT_MODEL, EmbedBackend
from tests.forked import in_child

TEXTS = [
    "Cats sleep.",
    "A much longer text, " * 60,
    "Bees make honey and live in hives.",
    "日本語のテキスト",
    "word",
] * 9


@pytest.fixture(scope="module")
def embedding() -> LocalEmbedding:
    return LocalEmbedding(find_model(DEFAULT_MODEL), batch_size=4, backend="torch")


def test_vectors_are_the_model_s_own_in_the_order_of_the_texts(
    embedding: LocalEmbedding,
) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(find_model(DEFAULT_MODEL).folder), device="cpu")
    expected = model.encode(TEXTS, normalize_embeddings=True)
    got = np.asarray(embedding.get_text_embedding_batch(TEXTS))
    assert got.shape == (45, 384)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)
    question = embedding.get_query_embedding("Do cats sleep?")
    np.testing.assert_allclose(
        question, model.encode("Do cats sleep?", normalize_embeddings=True), atol=1e-5
    )


async def test_many_callers_at_once_each_get_their_own(embedding: LocalEmbedding) -> None:
    expected = embedding.get_text_embedding_batch(TEXTS)
    batches = await asyncio.gather(
        *(embedding.aget_text_embedding_batch(TEXTS[start:]) for start in range(5))
    )
    for start, batch in enumerate(batches):
        np.testing.assert_allclose(batch, expected[start:], atol=1e-5)


async def test_the_event_loop_stays_free_while_it_computes(embedding: LocalEmbedding) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticker = asyncio.create_task(tick())
    await embedding.aget_text_embedding_batch(TEXTS)
    ticker.cancel()
    assert ticks > 100


def test_without_its_extra_a_backend_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "alir.inference.embeddings.openvino_bert", raising=False)
    embedding = LocalEmbedding(find_model(DEFAULT_MODEL), backend="openvino")
    with pytest.raises(ModelUnavailable, match=r"pip install 'alir\[openvino\]'"):
        embedding.get_text_embedding("text")
    embedding.close()


def test_half_the_bits_give_nearly_the_same_vectors(embedding: LocalEmbedding) -> None:
    half = LocalEmbedding(find_model(DEFAULT_MODEL), backend="torch-bf16")
    vectors = np.asarray(half.get_text_embedding_batch(TEXTS[:5]))
    full = np.asarray(embedding.get_text_embedding_batch(TEXTS[:5]))
    half.close()
    cosines = np.sum(vectors * full, axis=1)
    assert cosines.min() > 0.999
    assert abs(vectors - full).max() > 1e-4
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_the_view_for_questions_gives_the_same_vectors(embedding: LocalEmbedding) -> None:
    view = embedding.for_questions()
    np.testing.assert_allclose(
        await view.aget_text_embedding_batch(TEXTS[:5]),
        await embedding.aget_text_embedding_batch(TEXTS[:5]),
        atol=1e-5,
    )


def test_nothing_waits_for_a_model_that_is_idle(embedding: LocalEmbedding) -> None:
    assert embedding.waiting == {"questions": 0, "documents": 0}


async def test_what_a_question_waits_for_overtakes_documents(embedding: LocalEmbedding) -> None:
    view = embedding.for_questions()
    documents = asyncio.create_task(embedding.aget_text_embedding_batch([TEXTS[1]] * 60))
    await asyncio.sleep(0)
    await view.aget_query_embedding("Do cats sleep?")
    await view.aget_text_embedding_batch(["Cats sleep.", "Bees live in hives."])
    assert not documents.done()
    assert len(await documents) == 60


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own here")
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_documents_let_questions_go_first_and_both_the_event_loop(backend: EmbedBackend) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    before = priorities()
    embedding = LocalEmbedding(find_model(DEFAULT_MODEL), backend=backend)
    embedding.get_query_embedding("Do cats sleep?")
    for_questions = priorities().items() - before.items()
    embedding.get_text_embedding("Cats sleep.")
    for_documents = priorities().items() - before.items() - for_questions
    # A thread that has computed nothing waits for nobody; one may have found no work.
    assert {priority for _, priority in for_questions} - {own} == {own + 5}
    assert {priority for _, priority in for_documents} - {own} == {own + 10}
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
    embedding.close()


def priorities() -> dict[int, int]:
    """Of every thread of this process, whoever made it."""
    threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    return {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


@pytest.mark.parametrize(("there", "missing"), [("openvino", "torch"), ("torch", "openvino")])
def test_auto_takes_what_is_there_and_needs_nothing_else(there: str, missing: str) -> None:
    code = f"""if True:
        import sys
        sys.modules[{missing!r}] = None
        from alir.inference.embeddings import LocalEmbedding, find_model
        embedding = LocalEmbedding(find_model("all-MiniLM-L6-v2"))
        print(len(embedding.get_query_embedding("Why?")), {there!r} in sys.modules)
        """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["384", "True"], run.stderr


@pytest.mark.parametrize("backend", ["openvino", "torch"])
@pytest.mark.parametrize("was_closed", [False, True])
def test_a_forked_child_loads_the_model_itself(backend: EmbedBackend, was_closed: bool) -> None:
    pytest.importorskip("openvino") if backend == "openvino" else None
    embedding = LocalEmbedding(find_model(DEFAULT_MODEL), backend=backend)
    ours = embedding.get_text_embedding_batch(TEXTS)
    if was_closed:
        embedding.close()

    theirs = in_child(lambda: embedding.get_text_embedding_batch(TEXTS), patience_s=180)

    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    np.testing.assert_allclose(embedding.get_text_embedding_batch(TEXTS), ours, atol=1e-5)
    embedding.close()


def test_a_child_that_is_forked_while_the_model_computes_does_not_hang(
    embedding: LocalEmbedding,
) -> None:
    computing = [embedding._submit(TEXTS * 4, TextKind.DOCUMENT) for _ in range(4)]

    theirs = in_child(lambda: embedding.get_query_embedding("Do cats sleep?"), patience_s=180)

    np.testing.assert_allclose(theirs, embedding.get_query_embedding("Do cats sleep?"), atol=1e-5)
    assert [len(one.result()) for one in computing] == [4 * len(TEXTS)] * 4
