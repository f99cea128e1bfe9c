"""The embedding model as LlamaIndex sees it."""

import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr

from alir.concurrency.loop_bridge import LoopBridge
from alir.concurrency.per_loop import PerLoop
from alir.concurrency.per_process import PerProcess
from alir.errors import ModelUnavailable
from alir.inference.embeddings.model_folder import ModelFolder
from alir.inference.embeddings.model_threads import Encoder, ModelThreads
from alir.inference.embeddings.token_batcher import TextKind
from alir.settings import EmbedBackend

NICENESS = {TextKind.QUESTION: 5, TextKind.SENTENCE: 5, TextKind.DOCUMENT: 10}
"""Documents let questions go first; both let the event loop and Milvus, which hand them work."""
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
"""What Nvidia's and AMD's drivers make on Linux; to ask torch takes seconds."""


class LocalEmbedding(BaseEmbedding):
    """A sentence-transformers model on this machine, loaded at first use in each process.

    Concurrent calls of all callers are computed together in batches of similar length, on
    threads of its own: documents on some, questions on others, which the system lets go first.
    Vectors are (dim,) floats of unit length.

    Args:
        model: what `find_model` found.
        batch_size: texts in one batch at most; of long ones there are fewer.
        backend: torch, or torch with half the bits: faster where the processor can; or
            openvino, for BERTs: faster still, and loaded in a second. auto takes openvino where it
            is installed, the model is a BERT and there is no GPU.
    """

    _threads: PerProcess[dict[TextKind, ModelThreads]] = PrivateAttr()
    _texts_are: TextKind = PrivateAttr(default=TextKind.DOCUMENT)
    _bridges: PerLoop[LoopBridge] = PrivateAttr(default_factory=lambda: PerLoop(LoopBridge))

    def __init__(
        self, model: ModelFolder, *, batch_size: int = 64, backend: EmbedBackend = "auto"
    ) -> None:
        # LlamaIndex's own batching would hide the lengths from ours.
        super().__init__(model_name=model.name, embed_batch_size=2048)
        self._threads = PerProcess(lambda: _threads(model, batch_size, backend))

    @classmethod
    def class_name(cls) -> str:
        """Return the name LlamaIndex serializes this class under."""
        return "LocalEmbedding"

    def for_questions(self) -> "LocalEmbedding":
        """Return the same model with texts that go before documents, as questions do."""
        view = self.model_copy()
        view._texts_are = TextKind.SENTENCE
        return view

    @property
    def waiting(self) -> dict[str, int]:
        """Texts that no thread has taken yet, for questions and for documents."""
        kinds = {"questions": TextKind.QUESTION, "documents": TextKind.DOCUMENT}
        threads = self._threads.in_this_process()
        return {name: threads[kind].waiting for name, kind in kinds.items()}

    def close(self) -> None:
        """Cancel what waits; return when the threads have ended. A later call loads it again."""
        for threads in (self._threads.take() or {}).values():
            threads.close()

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return _result(self._submit(texts, self._texts_are))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await self._bridges.on_this_loop().wrap_future(self._submit(texts, self._texts_are))

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return _result(self._submit([query], TextKind.QUESTION))[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return (
            await self._bridges.on_this_loop().wrap_future(self._submit([query], TextKind.QUESTION))
        )[0]

    def _submit(self, texts: list[str], kind: TextKind) -> Future[list[list[float]]]:
        return self._threads.in_this_process()[kind].submit(texts, kind)


def _threads(
    model: ModelFolder, batch_size: int, backend: EmbedBackend
) -> dict[TextKind, ModelThreads]:
    load = _once_where_shared(lambda: _loaded(model, backend))

    def threads(kind: TextKind, name: str) -> ModelThreads:
        return ModelThreads(
            load,
            lengths=model.lengths,
            max_texts=batch_size,
            threads=_cores(),
            name=name,
            niceness=NICENESS[kind],
        )

    questions = threads(TextKind.QUESTION, "alir-questions")
    return {
        TextKind.QUESTION: questions,
        TextKind.SENTENCE: questions,
        TextKind.DOCUMENT: threads(TextKind.DOCUMENT, "alir-documents"),
    }


def _result(vectors: Future[list[list[float]]]) -> list[list[float]]:
    try:
        return vectors.result()
    finally:
        vectors.cancel()  # where the wait was interrupted


def _once_where_shared(load: Callable[[], Encoder]) -> Callable[[], Encoder]:
    """Return `load`, which loads no second model where one serves threads of any priority."""
    lock = threading.Lock()
    shared: Encoder | None = None

    def load_or_share() -> Encoder:
        nonlocal shared
        with lock:
            encoder = shared or load()
            shared = None if encoder.has_own_threads else encoder
            return encoder

    return load_or_share


def _loaded(model: ModelFolder, backend: EmbedBackend) -> Encoder:
    try:
        model.check_weights()
        with _no_collections():
            return _load(model, backend)
    except ModelUnavailable:
        raise
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            model.name,
            f"needs {error.name} for ALIR_EMBED_BACKEND={backend}",
            "Install it with: pip install 'alir[openvino]'.",
        ) from error
    except Exception as error:  # transformers, safetensors and torch each raise their own
        problem = f"in {model.folder} cannot be loaded ({str(error).partition(chr(10))[0]})"
        raise ModelUnavailable(
            model.name, problem, "Install it again, or set ALIR_EMBED_MODEL to another."
        ) from error


def _load(model: ModelFolder, backend: EmbedBackend) -> Encoder:
    if backend == "openvino" or (backend == "auto" and _suits_openvino(model)):
        from alir.inference.embeddings.openvino_bert import OpenVinoBert  # noqa: PLC0415  an extra

        return OpenVinoBert(model, threads=_cores())
    from alir.inference.embeddings.sentence_transformer import SentenceTransformerEncoder  # noqa: PLC0415  seconds

    return SentenceTransformerEncoder(model, bfloat16=backend == "torch-bf16")


def _suits_openvino(model: ModelFolder) -> bool:
    """Whether OpenVINO is there, and nothing that would be faster."""
    gpu = sys.platform == "darwin" or any(Path(device).exists() for device in GPU_DEVICES)
    if gpu or importlib.util.find_spec("openvino") is None:
        return False
    try:
        model.bert()
    except ModelUnavailable:
        return False
    return True


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keep Python's garbage collector off what is made here, now and later.

    Torch and transformers bring a million objects that live as long as the process. To look
    through them takes a third of a second, four times while they are imported and now and then
    ever after, and stops every thread.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
