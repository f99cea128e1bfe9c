"""A model's folder: what its files say, read without loading the model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alir.errors import ModelUnavailable

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
