"""Texts that wait for the model, and which of them it computes next."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

CALL_TOKENS = 32
"""What a call of the model costs beside its tokens, in tokens: to pad a text by more than this
costs more than to compute it in a call of its own. Measured: 12 on OpenVINO, 38 on torch, 48 on
torch with half the bits."""


class TextKind(IntEnum):
    """What a text is; those of one call of the model are of one kind."""

    QUESTION = 0
    """A question, embedded with the model's query instruction, if it has one."""
    SENTENCE = 1
    """A text that the answer to a question waits for."""
    DOCUMENT = 2


@dataclass(slots=True, eq=False)
class EmbeddingRequest:
    """One caller's texts, all of one kind, and what became of them."""

    texts: Sequence[str]
    kind: TextKind
    vectors: Future[list[list[float]]] = field(default_factory=Future)
    _made: dict[int, list[float]] = field(default_factory=dict)

    def settle(self, position: int, vector: list[float]) -> None:
        """Take in the vector of the text at `position`; the last one completes the request."""
        self._made[position] = vector
        if len(self._made) == len(self.texts):
            with suppress(InvalidStateError):  # the caller went, or another text had an error
                self.vectors.set_result([self._made[i] for i in range(len(self.texts))])

    def fail(self, error: Exception) -> None:
        """Give the caller `error`, unless it had one already."""
        with suppress(InvalidStateError):
            self.vectors.set_exception(error)


@dataclass(slots=True, eq=False)
class WaitingText:
    """One text of a request."""

    request: EmbeddingRequest
    position: int
    tokens: int
    number: int
    """Its number in the order of arrival."""
    taken: bool = False

    @property
    def text(self) -> str:
        """The text itself."""
        return self.request.texts[self.position]


class TokenBatcher:
    """Texts of all callers that wait, taken in batches of similar length.

    A batch holds texts of one kind: the oldest that waits, and the next shorter ones, so that
    no text waits forever and little is padding. Texts of cancelled requests are left out.

    Args:
        max_texts: texts in one batch at most.
    """

    def __init__(self, *, max_texts: int) -> None:
        self._max_texts = max_texts
        self._lines = {kind: _Line() for kind in TextKind}
        self._numbers = count()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def put(self, request: EmbeddingRequest, tokens: Sequence[int]) -> None:
        """Add the texts of `request`, which are `tokens` long."""
        longest_first = sorted(range(len(tokens)), key=tokens.__getitem__, reverse=True)
        self._lines[request.kind].put(
            [WaitingText(request, i, tokens[i], next(self._numbers)) for i in longest_first]
        )

    def take(self, *, max_tokens: int) -> list[WaitingText]:
        """Take out the next batch; an empty list if nothing waits.

        It has at most `max_tokens` tokens, padding included, unless one text alone has more.
        """
        for line in sorted(self._lines.values(), key=_Line.age):
            if batch := line.take(self._max_texts, max_tokens):
                return batch
        return []

    def clear(self) -> list[EmbeddingRequest]:
        """Take out everything; return the requests."""
        texts = [text for line in self._lines.values() for text in line.clear()]
        return list({id(text.request): text.request for text in texts}.values())


class _Line:
    """The texts of one kind, found by age and by length."""

    def __init__(self) -> None:
        self._by_age: deque[WaitingText] = deque()
        self._by_length: list[WaitingText] = []

    def __len__(self) -> int:
        return len(self._by_length)

    def put(self, texts: list[WaitingText]) -> None:
        self._by_age += texts
        for text in texts:
            insort(self._by_length, text, key=_order)

    def age(self) -> float:
        """The number of the oldest text; infinite if none waits."""
        while self._by_age and (self._by_age[0].taken or self._by_age[0].request.vectors.done()):
            self._drop(self._by_age.popleft())
        return self._by_age[0].number if self._by_age else float("inf")

    def take(self, max_texts: int, max_tokens: int) -> list[WaitingText]:
        # Callers may go at any moment: a batch of theirs alone is not the end of what waits.
        while self.age() < float("inf"):
            batch = self._next(max_texts, max_tokens)
            if still_awaited := [text for text in batch if not text.request.vectors.done()]:
                return still_awaited
        return []

    def clear(self) -> list[WaitingText]:
        texts, self._by_length = self._by_length, []
        self._by_age.clear()
        return texts

    def _next(self, max_texts: int, max_tokens: int) -> list[WaitingText]:
        """Take out the oldest text and the next shorter ones."""
        oldest = self._by_age[0]
        last = first = self._at(oldest)
        most = min(max_texts, max_tokens // max(oldest.tokens, 1))
        while first > 0 and last - first + 1 < most:
            if self._by_length[first - 1].tokens + CALL_TOKENS < oldest.tokens:
                break
            first -= 1
        batch = self._by_length[first : last + 1]
        del self._by_length[first : last + 1]
        for text in batch:
            text.taken = True
        return batch

    def _drop(self, text: WaitingText) -> None:
        if not text.taken:
            del self._by_length[self._at(text)]

    def _at(self, text: WaitingText) -> int:
        return bisect_left(self._by_length, _order(text), key=_order)


def _order(text: WaitingText) -> tuple[int, int]:
    """Short before long, young before old: what goes with a text stands before it."""
    return text.tokens, -text.number
