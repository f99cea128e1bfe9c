"""A sentence-transformers model, loaded: the heavy part, imported at first use only."""

from io import BytesIO
from typing import Any

import torch
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.embeddings.huggingface.utils import (
    get_text_instruct_for_model_name,
)
from transformers.utils.logging import disable_progress_bar

from alir.inference.embeddings.model_folder import ModelFolder

CPU_TOKENS = 512
"""Tokens of one call on a core. Measured: what it works on stays in the core's cache, so 4096 take
a seventh more time each. And a question waits for no more than this."""
GPU_TOKENS = 65_536


class SentenceTransformerEncoder(HuggingFaceEmbedding):
    """LlamaIndex's embedding of `model`, which any number of threads may call at once.

    Each of them uses one core: threads that share a call wait for each other, and so for whatever
    else the machine does.

    Args:
        bfloat16: compute with half the bits; faster only where the processor can.
    """

    max_tokens: int = CPU_TOKENS
    has_own_threads: bool = False

    def __init__(self, model: ModelFolder, *, bfloat16: bool = False) -> None:
        disable_progress_bar()  # type: ignore[no-untyped-call]  # it would write over our own
        super().__init__(
            str(model.folder),
            normalize=True,
            query_instruction=model.query_instruction,
            text_instruction=get_text_instruct_for_model_name(model.name),
            local_files_only=True,
            model_kwargs={"dtype": torch.bfloat16 if bfloat16 else torch.float32},
        )
        if bfloat16:
            # Only the network: a mean and a length of half the bits cost recall, and no time.
            self._model[0].register_forward_hook(_in_full)
        self.max_tokens = CPU_TOKENS if self._device == "cpu" else GPU_TOKENS
        # The first call sets the tokenizer up, which it does not survive on two threads at once.
        self.encode(["ready"], is_question=False)

    def encode(self, texts: list[str], *, is_question: bool) -> list[list[float]]:
        """Return a vector a text, (dim,) floats of unit length. Blocks."""
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)  # for the calling thread, and no other
        return self._embed(list(texts), "query" if is_question else "text")

    def _embed(
        self, inputs: list[str | BytesIO], prompt_name: str | None = None
    ) -> list[list[float]]:
        # Once: the inherited one tries three times, seconds apart, what fails each time.
        vectors: list[list[float]] = self._model.encode(
            inputs,
            batch_size=len(inputs),
            prompt_name=prompt_name,
            normalize_embeddings=self.normalize,
            show_progress_bar=False,
        ).tolist()
        return vectors


def _in_full(_: torch.nn.Module, __: Any, found: dict[str, Any]) -> None:
    found["token_embeddings"] = found["token_embeddings"].float()
