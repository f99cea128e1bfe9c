"""A model's folder: its settings, read without loading the model."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alir.errors import ModelUnavailable

_BYTES_PER_TOKEN = 32
"""A tokenizer may call a run of any length one unknown token; no real text is this dense."""
_NAMES_WITH_INSTRUCTIONS = ("BAAI/bge-", "hku")
"""How the names begin that LlamaIndex has instructions for."""
_POOLINGS = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
"""Whether a vector is the first token's, or the mean of all."""


@dataclass(frozen=True)
class Bert:
    """The shape of a BERT."""

    heads: int
    layers: int
    hidden: int
    epsilon: float
    pools_first: bool
    """Whether a vector is the first token's, rather than the mean of all."""


@dataclass(frozen=True)
class ModelFolder:
    """A sentence-transformers model on this machine, which is not loaded."""

    name: str
    folder: Path
    expected_weights: str = ""
    """What `weights` must be, where that is known."""

    @cached_property
    def weights(self) -> str:
        """SHA-256 of the file of weights, whichever backend computes with it; of several files, one
        of all their names and hashes. Empty without any. Blocks: it reads them whole.

        Raises:
            ModelUnavailable: they are not the expected ones.
        """
        weights = self._hash_of_weights()
        if self.expected_weights not in {"", weights}:
            raise ModelUnavailable(
                self.name,
                f"in {self.folder} has weights that are not the official ones (sha256 differs)",
                "Install it again, or set ALIR_EMBED_MODEL to another.",
            )
        return weights

    def check_weights(self) -> None:
        """Raise as `weights` does. Blocks only where something is expected of them."""
        if self.expected_weights:
            _ = self.weights

    def _hash_of_weights(self) -> str:
        # Torch and OpenVINO read the same files; the old format is not looked at beside the new.
        found = sorted(self.folder.rglob("*.safetensors")) or sorted(self.folder.rglob("*.bin"))
        hashes = {}
        for path in found:
            with path.open("rb") as file:
                hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
        if len(hashes) == 1:
            return next(iter(hashes.values()))
        lines = [f"{path.relative_to(self.folder)} {one}" for path, one in hashes.items()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""

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
        return int(limit) - self.special_tokens

    @cached_property
    def special_tokens(self) -> int:
        """Tokens the model adds to each text."""
        return int(self._tokenizer.num_special_tokens_to_add(is_pair=False))

    @cached_property
    def query_instruction(self) -> str:
        """The text before a question, from its files or from LlamaIndex; mostly empty."""
        prompts = self._json("config_sentence_transformers.json", default={}).get("prompts", {})
        if "query" in prompts:
            return str(prompts["query"])
        if not self.name.startswith(_NAMES_WITH_INSTRUCTIONS):
            return ""
        from llama_index.embeddings.huggingface.utils import (  # noqa: PLC0415  seconds
            get_query_instruct_for_model_name,
        )

        return get_query_instruct_for_model_name(self.name)

    def bert(self) -> "Bert":
        """Return the shape of the model, as its files give it.

        Raises:
            ModelUnavailable: it is no BERT.
        """
        config = self._json("config.json", default={})
        kinds = [one["type"].rpartition(".")[2] for one in self._json("modules.json", default=[])]
        pooling = self._json("1_Pooling/config.json", default={})
        modes = [mode for mode, chosen in pooling.items() if mode.startswith("pooling_") and chosen]
        found = (
            config.get("model_type"),
            config.get("hidden_act"),
            config.get("position_embedding_type", "absolute"),
            kinds[:2],
            set(kinds[2:]) <= {"Normalize"},
            len(modes) == 1 and modes[0] in _POOLINGS,
        )
        if found != ("bert", "gelu", "absolute", ["Transformer", "Pooling"], True, True):
            raise ModelUnavailable(
                self.name,
                "is of a kind alir does not run on OpenVINO",
                "Set ALIR_EMBED_BACKEND to torch or torch-bf16.",
            )
        return Bert(
            heads=int(config["num_attention_heads"]),
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            epsilon=float(config["layer_norm_eps"]),
            pools_first=_POOLINGS[modes[0]],
        )

    def count_tokens(self, text: str) -> range:
        """Return a sequence as long as `text` has tokens, as LlamaIndex's splitters want it."""
        tokens = len(self._tokenizer.encode(text, add_special_tokens=False).ids)
        return range(max(tokens, len(text.encode()) // _BYTES_PER_TOKEN))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens of each text the model reads, its special tokens not counted."""
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [min(len(encoding), self.max_tokens) for encoding in encodings]

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
