"""Which texts the model computes next."""

from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.inference.embeddings.token_batcher import (
    CALL_TOKENS,
    EmbeddingRequest,
    TextKind,
    TokenBatcher,
    WaitingText,
)


def put(waiting: TokenBatcher, kind: TextKind, *tokens: int) -> EmbeddingRequest:
    request = EmbeddingRequest([f"{kind.name} {i}" for i in range(len(tokens))], kind)
    waiting.put(request, tokens)
    return request


class CancelledMeanwhile(Future[list[list[float]]]):
    """A future that another thread cancels, so it seems, right after the last of some looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def done(self) -> bool:
        was_done = super().done()
        self.looks -= 1
        if not self.looks:
            self.cancel()
        return was_done


def lengths(batch: list[WaitingText]) -> list[int]:
    return [text.tokens for text in batch]


def test_nothing_waits_at_first() -> None:
    assert TokenBatcher(max_texts=4).take(max_tokens=100) == []


def test_a_batch_is_the_oldest_request_s_longest_text_and_the_next_shorter_ones() -> None:
    waiting = TokenBatcher(max_texts=3)
    put(waiting, TextKind.DOCUMENT, 5, 40, 7, 39)
    put(waiting, TextKind.DOCUMENT, 200, 38)
    assert lengths(waiting.take(max_tokens=1000)) == [38, 39, 40]
    assert lengths(waiting.take(max_tokens=1000)) == [5, 7]
    assert lengths(waiting.take(max_tokens=1000)) == [200]
    assert waiting.take(max_tokens=1000) == []


def test_a_batch_is_bounded_by_its_tokens_with_their_padding() -> None:
    waiting = TokenBatcher(max_texts=100)
    put(waiting, TextKind.DOCUMENT, *[50, 45, 40, 35, 30])
    assert lengths(waiting.take(max_tokens=150)) == [40, 45, 50]


def test_a_text_longer_than_a_batch_goes_alone() -> None:
    waiting = TokenBatcher(max_texts=4)
    put(waiting, TextKind.DOCUMENT, 500, 500)
    assert lengths(waiting.take(max_tokens=100)) == [500]


def test_padding_that_costs_more_than_a_call_is_not_made() -> None:
    waiting = TokenBatcher(max_texts=4)
    put(waiting, TextKind.DOCUMENT, 200, 200 - CALL_TOKENS, 200 - CALL_TOKENS - 1)
    assert lengths(waiting.take(max_tokens=1000)) == [200 - CALL_TOKENS, 200]


def test_a_batch_is_of_one_kind_and_who_waited_longest_goes_first() -> None:
    waiting = TokenBatcher(max_texts=4)
    put(waiting, TextKind.SENTENCE, 10)
    put(waiting, TextKind.DOCUMENT, 10)
    put(waiting, TextKind.QUESTION, 10, 10)
    put(waiting, TextKind.SENTENCE, 10)
    kinds = []
    while batch := waiting.take(max_tokens=100):
        kinds.append([text.request.kind for text in batch])
    assert kinds == [[TextKind.SENTENCE] * 2, [TextKind.DOCUMENT], [TextKind.QUESTION] * 2]


def test_what_nobody_waits_for_any_more_is_left_out() -> None:
    waiting = TokenBatcher(max_texts=4)
    gone = put(waiting, TextKind.DOCUMENT, 30, 29)
    put(waiting, TextKind.DOCUMENT, 28)
    gone.vectors.cancel()
    assert lengths(waiting.take(max_tokens=1000)) == [28]
    assert waiting.take(max_tokens=1000) == []


@pytest.mark.parametrize("kind", TextKind)
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_text_cancelled_while_it_is_taken_does_not_hide_what_else_waits(
    kind: TextKind, looks: int
) -> None:
    waiting = TokenBatcher(max_texts=4)
    waiting.put(EmbeddingRequest(["gone"], kind, CancelledMeanwhile(looks)), [30])
    waits = put(waiting, kind, 300)
    taken: list[EmbeddingRequest] = []
    while batch := waiting.take(max_tokens=1000):
        taken += [text.request for text in batch]
    assert waits in taken


def test_clearing_gives_every_request_once() -> None:
    waiting = TokenBatcher(max_texts=4)
    requests = [put(waiting, kind, 3, 4) for kind in TextKind]
    assert {id(one) for one in waiting.clear()} == {id(one) for one in requests}
    assert waiting.take(max_tokens=100) == []


def test_the_first_error_is_the_caller_s_and_no_vector_changes_it() -> None:
    request = EmbeddingRequest(["a", "b"], TextKind.DOCUMENT)
    request.fail(ValueError("first"))
    request.fail(ValueError("second"))
    request.settle(0, [1.0])
    request.settle(1, [1.0])
    with pytest.raises(ValueError, match="first"):
        request.vectors.result()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(TextKind), st.lists(st.integers(0, 300), min_size=1), st.booleans()
        )
    ),
    st.integers(1, 8),
    st.integers(1, 600),
)
def test_every_text_that_is_waited_for_is_taken_once_within_the_bounds(
    requests: list[tuple[TextKind, list[int], bool]], max_texts: int, max_tokens: int
) -> None:
    waiting = TokenBatcher(max_texts=max_texts)
    expected = set()
    for kind, tokens, is_cancelled in requests:
        request = put(waiting, kind, *tokens)
        if is_cancelled:
            request.vectors.cancel()
        else:
            expected |= {(id(request), i) for i in range(len(tokens))}
    taken: list[tuple[int, int]] = []
    held: list[Future[list[list[float]]]] = []
    while batch := waiting.take(max_tokens=max_tokens):
        taken += [(id(text.request), text.position) for text in batch]
        held += [text.request.vectors for text in batch]
        assert len({text.request.kind for text in batch}) == 1
        assert len(batch) <= max_texts
        longest = max(lengths(batch))
        assert len(batch) == 1 or longest * len(batch) <= max_tokens
        assert longest - min(lengths(batch)) <= CALL_TOKENS
    assert len(taken) == len(set(taken))
    assert set(taken) == expected
