"""A BERT on OpenVINO: the same vectors sooner, and loaded without torch."""

import json
import sys
import threading
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from alir.errors import ModelUnavailable
from alir.inference.embeddings.model_folder import ModelFolder

# Without this package, OpenVINO's own stub of it keeps quiet; with it, importing reports to Intel.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

CPU_TOKENS = 512
"""Tokens of one call on a core. With 256 it computes 4% less."""
KERNELS_KEPT = 64
WIDTH_STEP = 8
"""Texts are padded to a multiple of it: kernels for a width not seen lately take 8 ms to make, half
of what a lone question takes."""
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
"""NumPy's names of safetensors' types. It has none for bfloat16."""


class OpenVinoBert:
    """`model`, computed in the precision in which the processor is fastest: bfloat16 or float32.

    Any number of threads may call it; `threads` of them compute at once, on a core each.

    Raises:
        ModelUnavailable: it is no BERT with mean or first-token pooling, or NumPy lacks the
            type of its weights.
    """

    max_tokens = CPU_TOKENS
    has_own_threads = True

    def __init__(self, model: ModelFolder, *, threads: int, precision: str | None = None) -> None:
        self._query_instruction = model.query_instruction
        self._widest = model.max_tokens + model.special_tokens
        self._tokenizer = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(self._widest)
        self._tokenizer.no_padding()
        core = ov.Core()
        self._model = core.compile_model(
            _graph(model),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": threads,
                # Kernels made for shapes seen before: of 5,000, the default, each takes memory,
                # and questions have all lengths in all numbers.
                "CPU_RUNTIME_CACHE_CAPACITY": KERNELS_KEPT,
                "ENABLE_CPU_PINNING": False,  # the cores are not ours alone
                "INFERENCE_PRECISION_HINT": precision or fastest_precision(),
            },
        )
        self._requests = threading.local()

    def encode(self, texts: list[str], *, is_question: bool) -> list[list[float]]:
        """Return a vector a text, (dim,) floats of unit length. Blocks."""
        if is_question:
            texts = [self._query_instruction + text for text in texts]
        if not hasattr(self._requests, "own"):
            self._requests.own = self._model.create_infer_request()
        tokens = [one.ids for one in self._tokenizer.encode_batch_fast(texts)]
        width = -(-max(map(len, tokens)) // WIDTH_STEP) * WIDTH_STEP
        ids = np.zeros((len(tokens), min(width, self._widest)), np.int32)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        vectors: list[list[float]] = self._requests.own.infer([ids, mask])[0].tolist()
        return vectors


@cache
def fastest_precision() -> str:
    """Return bf16 or f32, whichever multiplies matrices sooner here; that takes 0.1 s. Blocks.

    OpenVINO takes bfloat16 wherever the processor has it. With AMX that is much the fastest; on a
    Xeon that has AVX-512's alone, float32 takes 0.6 times as long.
    """
    core = ov.Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return "f32"
    return min(("bf16", "f32"), key=lambda precision: _multiplied_s(core, precision))


def _multiplied_s(core: ov.Core, precision: str) -> float:
    """Return the seconds that a multiplication of a small BERT's size takes at best."""
    rows, width, inner = 128, 384, 1536
    x = ops.parameter([rows, width], np.float32)
    product = ops.matmul(x, ops.constant(np.ones((inner, width), np.float32)), False, True)
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    multiply = core.compile_model(ov.Model([product], [x]), "CPU", options).create_infer_request()
    numbers = np.ones((rows, width), np.float32)
    took_s = []
    for _ in range(8):
        began = perf_counter()
        multiply.infer([numbers])
        took_s.append(perf_counter() - began)
    return min(took_s)


def _graph(model: ModelFolder) -> ov.Model:
    """Build the network, (texts, tokens) ids and mask to (texts, dim) vectors, from the weights."""
    bert = model.bert()
    weights = _Weights(model)

    def dense(x: Any, name: str) -> Any:
        product = ops.matmul(x, weights[f"{name}.weight"], False, True)
        return ops.add(product, weights[f"{name}.bias"])

    def norm(x: Any, name: str) -> Any:
        x = ops.mvn(x, _ints(-1), True, bert.epsilon, "INSIDE_SQRT")
        return ops.add(ops.multiply(x, weights[f"{name}.weight"]), weights[f"{name}.bias"])

    def split_heads(x: Any) -> Any:
        x = ops.reshape(x, _ints(0, 0, bert.heads, bert.hidden // bert.heads), True)
        return ops.transpose(x, _ints(0, 2, 1, 3))

    def attend(x: Any, name: str, padding: Any) -> Any:
        parts = [split_heads(dense(x, f"{name}.{part}")) for part in ("query", "key", "value")]
        seen = ops.scaled_dot_product_attention(*parts, padding)
        return ops.reshape(ops.transpose(seen, _ints(0, 2, 1, 3)), _ints(0, 0, bert.hidden), True)

    ids = ops.parameter([-1, -1], np.int32)
    mask = ops.parameter([-1, -1], np.int32)
    real = ops.convert(mask, "f32")
    length = ops.gather(ops.shape_of(ids), _ints(1), ops.constant(np.int64(0)))
    positions = weights.array("embeddings.position_embeddings.weight")
    positions = positions + weights.array("embeddings.token_type_embeddings.weight")[0]
    words = ops.gather(weights["embeddings.word_embeddings.weight"], ids, ops.constant(np.int64(0)))
    position = ops.slice(ops.constant(positions), _ints(0), length, _ints(1))
    x = norm(ops.add(words, position), "embeddings.LayerNorm")
    absent = ops.subtract(ops.constant(np.float32(1)), real)
    padding = ops.unsqueeze(ops.multiply(absent, ops.constant(np.float32(-1e9))), _ints(1, 2))
    for layer in range(bert.layers):
        name = f"encoder.layer.{layer}"
        seen = dense(attend(x, f"{name}.attention.self", padding), f"{name}.attention.output.dense")
        x = norm(ops.add(seen, x), f"{name}.attention.output.LayerNorm")
        wide = ops.gelu(dense(x, f"{name}.intermediate.dense"), "ERF")
        x = norm(ops.add(dense(wide, f"{name}.output.dense"), x), f"{name}.output.LayerNorm")
    if bert.pools_first:
        pooled = ops.gather(x, ops.constant(np.int64(0)), ops.constant(np.int64(1)))
    else:
        real = ops.unsqueeze(real, _ints(2))
        total = ops.reduce_sum(ops.multiply(x, real), _ints(1))
        pooled = ops.divide(total, ops.reduce_sum(real, _ints(1)))
    return ov.Model([ops.normalize_l2(pooled, _ints(1), 1e-12, "MAX")], [ids, mask], "bert")


class _Weights:
    """The model's arrays, as constants of the graph."""

    def __init__(self, model: ModelFolder) -> None:
        try:
            arrays = _mapped(model.folder / "model.safetensors")
        except KeyError as error:
            raise ModelUnavailable(
                model.name,
                f"has weights of the type {error.args[0]}, which alir does not run on OpenVINO",
                "Set ALIR_EMBED_BACKEND to torch or torch-bf16.",
            ) from error
        self._arrays = {name.removeprefix("bert."): array for name, array in arrays.items()}

    def array(self, name: str) -> NDArray[np.float32]:
        return self._arrays[name].astype(np.float32, copy=False)

    def __getitem__(self, name: str) -> Any:
        return ops.constant(self.array(name), shared_memory=True)


def _mapped(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file, which stay where they are.

    The library copies each, and 50 MB of words' vectors would stop every thread for 50 ms.
    """
    file = np.memmap(path, mode="c")  # "r" would do, but OpenVINO shares only what could be written
    header, start = 8, 8 + int(file[:8].view("<u8")[0])
    entries = json.loads(file[header:start].tobytes())
    entries.pop("__metadata__", None)
    arrays = {}
    for name, entry in entries.items():
        first, end = (start + offset for offset in entry["data_offsets"])
        array = file[first:end].view(_DTYPES[entry["dtype"]])
        arrays[name] = array.reshape(entry["shape"])
    return arrays


def _ints(*numbers: int) -> Any:
    return ops.constant(np.array(numbers, np.int64))
