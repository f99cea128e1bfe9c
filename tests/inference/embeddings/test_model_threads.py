"""The threads that a model computes on, with a model whose every step the test decides."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alir.errors import ModelUnavailable
from alir.inference.embeddings.model_threads import Encoder, ModelThreads
from alir.inference.embeddings.token_batcher import TextKind


class LengthEncoder:
    """Embeds a text as its length, and its length again if it is a question.

    It computes nothing before `go` is set, and refuses the text "bad".
    """

    max_tokens = 20
    has_own_threads = False

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.calls: list[list[str]] = []

    def encode(self, texts: list[str], *, is_question: bool) -> list[list[float]]:
        self.begun.set()
        assert self.go.wait(20)
        if "bad" in texts:
            raise ValueError("bad")
        self.calls.append(texts)
        return [[float(len(text))] * (2 if is_question else 1) for text in texts]


def lengths(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def on(encoder: Encoder, threads: int = 1) -> ModelThreads:
    return ModelThreads(lambda: encoder, lengths=lengths, max_texts=8, threads=threads)


@pytest.fixture
def encoder() -> LengthEncoder:
    return LengthEncoder()


@pytest.fixture
def model(encoder: LengthEncoder) -> Iterator[ModelThreads]:
    threads = on(encoder)
    yield threads
    encoder.go.set()
    threads.close()


def test_no_texts_are_no_vectors(model: ModelThreads) -> None:
    assert model.submit([], TextKind.DOCUMENT).result(0) == []


def test_a_lone_text_goes_at_once(model: ModelThreads, encoder: LengthEncoder) -> None:
    encoder.go.set()
    assert model.submit(["four"], TextKind.QUESTION).result(20) == [[4.0, 4.0]]


def test_what_comes_while_the_model_computes_goes_together_in_batches_of_one_kind(
    model: ModelThreads, encoder: LengthEncoder
) -> None:
    first = model.submit(["first"], TextKind.DOCUMENT)
    assert encoder.begun.wait(20)
    documents = [model.submit(["word", "words"], TextKind.DOCUMENT) for _ in range(3)]
    questions = [model.submit([f"ask{i}"], TextKind.QUESTION) for i in range(4)]
    sentence = model.submit(["said"], TextKind.SENTENCE)
    encoder.go.set()
    for future in (first, *documents, *questions, sentence):
        future.result(20)
    assert [sorted(call) for call in encoder.calls] == [
        ["first"],
        ["word", "words", "words", "words"],
        ["word", "word"],
        ["ask0", "ask1", "ask2", "ask3"],
        ["said"],
    ]


def test_texts_wait_until_a_thread_takes_them(model: ModelThreads, encoder: LengthEncoder) -> None:
    first = model.submit(["first"], TextKind.DOCUMENT)
    assert encoder.begun.wait(20)
    rest = [model.submit(["a", "bb"], kind) for kind in (TextKind.DOCUMENT, TextKind.QUESTION)]
    waiting = model.waiting
    encoder.go.set()
    for one in (first, *rest):
        one.result(20)

    assert waiting == 4
    assert model.waiting == 0


def test_each_caller_gets_the_vectors_of_its_texts_in_their_order(
    model: ModelThreads, encoder: LengthEncoder
) -> None:
    encoder.go.set()
    assert model.submit(["ccc", "a", "bb", ""], TextKind.DOCUMENT).result(20) == [
        [3],
        [1],
        [2],
        [0],
    ]


def test_an_error_reaches_only_the_caller_whose_text_it_is(
    model: ModelThreads, encoder: LengthEncoder
) -> None:
    others = [model.submit(["one", "six"], TextKind.DOCUMENT) for _ in range(3)]
    bad = model.submit(["two", "bad", "ten"], TextKind.DOCUMENT)
    others += [model.submit(["one", "six"], TextKind.DOCUMENT) for _ in range(3)]
    encoder.go.set()
    with pytest.raises(ValueError, match="bad"):
        bad.result(20)
    assert [other.result(20) for other in others] == [[[3], [3]]] * 6


def test_a_caller_that_goes_harms_nobody_and_is_not_computed_for(
    model: ModelThreads, encoder: LengthEncoder
) -> None:
    running = model.submit(["running"], TextKind.DOCUMENT)
    assert encoder.begun.wait(20)
    gone = model.submit(["gone"], TextKind.DOCUMENT)
    stays = model.submit(["stay"], TextKind.DOCUMENT)
    assert gone.cancel()
    assert running.cancel()
    encoder.go.set()
    assert stays.result(20) == [[4]]
    assert encoder.calls == [["running"], ["stay"]]


async def test_cancelling_one_task_of_many_harms_no_other(
    model: ModelThreads, encoder: LengthEncoder
) -> None:
    async def ask(text: str) -> list[list[float]]:
        return await asyncio.wrap_future(model.submit([text], TextKind.QUESTION))

    tasks = [asyncio.create_task(ask("?" * i)) for i in range(1, 9)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    encoder.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert answers[:3] + answers[4:] == [[[n, n]] for n in (1, 2, 3, 5, 6, 7, 8)]


def test_a_model_that_cannot_be_loaded_is_told_to_everyone_and_tried_again_later() -> None:
    tries: list[int] = []
    everyone_waits = threading.Event()

    def load() -> Encoder:
        tries.append(1)
        if len(tries) == 1:
            assert everyone_waits.wait(20)
            raise ModelUnavailable("model", "is damaged", "Install it again.")
        encoder = LengthEncoder()
        encoder.go.set()
        return encoder

    model = ModelThreads(load, lengths=lengths, max_texts=8, threads=2)
    waiting = [model.submit([text], kind) for text in ("a", "b") for kind in TextKind]
    everyone_waits.set()
    for future in waiting:
        with pytest.raises(ModelUnavailable, match="is damaged"):
            future.result(20)
    assert model.submit(["later"], TextKind.DOCUMENT).result(20) == [[5]]
    assert len(tries) == 2
    model.close()


def test_a_tokenizer_that_fails_is_told_to_the_callers_whose_texts_it_got() -> None:
    def fail(texts: Sequence[str]) -> list[int]:
        raise ModelUnavailable("model", f"cannot count {texts}", "Install it again.")

    model = ModelThreads(LengthEncoder, lengths=fail, max_texts=8, threads=1)
    with pytest.raises(ModelUnavailable, match=r"cannot count \['a'\]"):
        model.submit(["a"], TextKind.DOCUMENT).result(20)
    model.close()


def test_half_a_surrogate_pair_is_embedded_as_a_question_mark(
    model: ModelThreads, encoder: LengthEncoder
) -> None:
    encoder.go.set()
    model.submit(["caf\udce9"], TextKind.QUESTION).result(20)
    assert encoder.calls == [["caf?"]]


def test_closing_cancels_what_waits_and_leaves_no_thread(encoder: LengthEncoder) -> None:
    before = set(threading.enumerate())
    model = on(encoder)
    running = model.submit(["running"], TextKind.DOCUMENT)
    assert encoder.begun.wait(20)
    waiting = [model.submit(["waiting"], kind) for kind in TextKind]
    closing = threading.Thread(target=model.close)
    closing.start()
    for future in waiting:
        with pytest.raises(CancelledError):
            future.result(20)
    encoder.go.set()
    closing.join(20)
    assert running.result(20) == [[7]]
    assert set(threading.enumerate()) <= before
    with pytest.raises(RuntimeError, match="is closed"):
        model.submit(["late"], TextKind.DOCUMENT)


def test_closing_lets_the_model_go_whoever_keeps_the_threads() -> None:
    made: list[weakref.ref[LengthEncoder]] = []

    def load() -> LengthEncoder:
        encoder = LengthEncoder()
        encoder.go.set()
        made.append(weakref.ref(encoder))
        return encoder

    threads = ModelThreads(load, lengths=lengths, max_texts=8, threads=1)
    assert threads.submit(["abc"], TextKind.DOCUMENT).result(20) == [[3.0]]
    threads.close()
    gc.collect()

    assert [encoder() for encoder in made] == [None]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TextKind), st.lists(st.text(max_size=30), max_size=12))),
    st.integers(1, 3),
)
def test_any_mix_of_concurrent_calls_gives_the_vectors_of_lone_ones(
    calls: list[tuple[TextKind, list[str]]], threads: int
) -> None:
    encoder = LengthEncoder()
    encoder.go.set()
    model = on(encoder, threads)

    async def everyone() -> list[list[list[float]]]:
        return await asyncio.gather(
            *(asyncio.wrap_future(model.submit(texts, kind)) for kind, texts in calls)
        )

    got = asyncio.run(everyone())
    alone = [
        [vector for text in texts for vector in model.submit([text], kind).result(20)]
        for kind, texts in calls
    ]
    assert got == alone
    model.close()
