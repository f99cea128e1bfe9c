"""The threads that a model computes on: one a core, each taking what waits when it is free."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from alir.inference.embeddings.token_batcher import (
    EmbeddingRequest,
    TextKind,
    TokenBatcher,
    WaitingText,
)

MEASURED_AT_ONCE = 256
"""Texts whose tokens a thread counts before it computes those it knows."""


class Encoder(Protocol):
    """A loaded model."""

    max_tokens: int
    """Tokens of one call, padding included, beyond which a call gets no faster for each."""
    has_own_threads: bool
    """Whether it computes on threads it made when it was loaded: they have the priority that the
    thread which loaded it had."""

    def encode(self, texts: list[str], *, is_question: bool) -> list[list[float]]:
        """Return a vector a text, (dim,) floats of unit length. Blocks."""
        ...


class ModelThreads:
    """Computes the vectors of all callers' texts, in batches of similar length.

    A free thread takes the next batch of the texts that wait: a lone text goes at once, and many
    go together. May be called from any thread and any event loop.

    Args:
        load: makes the model ready; called when the first text comes, and again after an error.
        lengths: returns the lengths of texts in tokens.
        max_texts: texts in one batch at most.
        threads: batches computed at once.
        name: of the threads.
        niceness: of the threads, on Linux: 0 gives way to no other program, 19 to all.
    """

    def __init__(
        self,
        load: Callable[[], Encoder],
        *,
        lengths: Callable[[Sequence[str]], list[int]],
        max_texts: int,
        threads: int,
        name: str = "alir-embedding",
        niceness: int = 0,
    ) -> None:
        self._load = load
        self._lengths = lengths
        self._threads = threads
        self._niceness = niceness
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._new: deque[EmbeddingRequest] = deque()
        """Requests whose texts were not measured yet."""
        self._waiting = TokenBatcher(max_texts=max_texts)
        self._busy = 0
        self._is_closed = False
        self._loading = threading.Lock()
        self._encoder: Encoder | None = None

    def submit(self, texts: Sequence[str], kind: TextKind) -> Future[list[list[float]]]:
        """Embed `texts`; cancelling the future takes back those that still wait."""
        request = EmbeddingRequest([_well_formed(text) for text in texts], kind)
        if not texts:
            request.vectors.set_result([])
            return request.vectors
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The embedding model is closed.")
            self._new.append(request)
            self._wake()
        return request.vectors

    @property
    def waiting(self) -> int:
        """Texts that no thread has taken yet."""
        with self._lock:
            return len(self._waiting) + sum(len(request.texts) for request in self._new)

    def close(self) -> None:
        """Cancel what waits; return when the threads have ended."""
        with self._lock:
            self._is_closed = True
            for request in self._take_all():
                request.vectors.cancel()
        self._pool.shutdown()
        self._encoder = None  # hundreds of megabytes, whoever keeps this object

    def _wake(self) -> None:
        """Set threads to work until all of them do; the lock must be held."""
        while self._busy < self._threads:
            self._pool.submit(self._work)
            self._busy += 1

    def _work(self) -> None:
        while job := self._next_job():
            job()

    def _next_job(self) -> Callable[[], None] | None:
        with self._lock:
            if self._new:
                if self._encoder is None:
                    return self._prepare
                requests = _up_to(MEASURED_AT_ONCE, self._new)
                return lambda: self._measure(requests)
            if self._encoder is not None and (
                batch := self._waiting.take(max_tokens=self._encoder.max_tokens)
            ):
                return lambda: self._compute(batch)
            self._busy -= 1
            return None

    def _prepare(self) -> None:
        with self._loading:
            if self._encoder is not None or not self._new:
                return  # another thread did it, or failed and reported that
            try:
                self._encoder = self._loaded()
            except Exception as error:  # noqa: BLE001  the callers get it
                with self._lock:
                    for request in self._take_all():
                        request.fail(error)

    def _loaded(self) -> Encoder:
        """Load the model on a thread of the priority that it is to compute with."""
        with ThreadPoolExecutor(1, initializer=_give_way, initargs=(self._niceness,)) as thread:
            return thread.submit(self._load).result()

    def _measure(self, requests: list[EmbeddingRequest]) -> None:
        try:
            tokens = iter(self._lengths([text for one in requests for text in one.texts]))
        except Exception as error:  # noqa: BLE001  the callers get it
            for request in requests:
                request.fail(error)
            return
        with self._lock:
            if self._is_closed:
                for request in requests:
                    request.vectors.cancel()
                return
            for request in requests:
                self._waiting.put(request, [next(tokens) for _ in request.texts])
            self._wake()

    def _compute(self, batch: list[WaitingText]) -> None:
        assert self._encoder is not None  # noqa: S101  nothing is taken before it is there
        if not (self._encoder.has_own_threads or hasattr(self._thread, "gives_way")):
            # Only where it must: one that waits for its turn may hold Python's lock meanwhile.
            _give_way(self._niceness)
            self._thread.gives_way = True
        is_question = batch[0].request.kind is TextKind.QUESTION
        try:
            vectors = self._encoder.encode([text.text for text in batch], is_question=is_question)
        except Exception as error:  # noqa: BLE001  the caller with that text gets it
            if len(batch) == 1:
                batch[0].request.fail(error)
                return
            middle = len(batch) // 2
            self._compute(batch[:middle])
            self._compute(batch[middle:])
            return
        for text, vector in zip(batch, vectors, strict=True):
            text.request.settle(text.position, vector)

    def _take_all(self) -> list[EmbeddingRequest]:
        """Take out all that wait; the lock must be held."""
        new = list(self._new)
        self._new.clear()
        return new + self._waiting.clear()


def _give_way(niceness: int) -> None:
    if sys.platform == "linux":  # elsewhere this is the whole process's
        os.nice(niceness)


def _up_to(texts: int, requests: deque[EmbeddingRequest]) -> list[EmbeddingRequest]:
    """Take out the first requests, up to as many as have `texts` texts together."""
    taken = [requests.popleft()]
    left = texts - len(taken[0].texts)
    while requests and len(requests[0].texts) <= left:
        left -= len(requests[0].texts)
        taken.append(requests.popleft())
    return taken


def _well_formed(text: str) -> str:
    """Replace halves of surrogate pairs, which no tokenizer takes."""
    return text if text.isascii() else text.encode(errors="replace").decode()
