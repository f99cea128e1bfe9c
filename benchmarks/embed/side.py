"""One backend of `bench embed`, in a process of its own: see `run`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import Any, get_args

import numpy as np

from alir.inference.embeddings import LocalEmbedding, ModelFolder, find_model
from alir.settings import EmbedBackend
from benchmarks.process import peak_rss_mib

RAW = "encode"
INT8 = "torch-int8"
BACKENDS = (RAW, *(name for name in get_args(EmbedBackend) if name != "auto"), INT8)
Encode = Callable[[list[str]], Sequence[Sequence[float]]]


async def run(
    backend: str, model: str, texts: str, vectors: str, asked_at: float
) -> dict[str, Any]:
    """Embed the sample in the file `texts` and report what it took; then its other texts.

    Their vectors are left in the file `vectors`.

    Reports `load_s` (from `asked_at` of the monotonic clock, which all processes share, to the
    vector of a first text), `seconds` and `cpu_s` (of all threads) for the texts, `peak_rss_mib`.
    """
    given = json.loads(Path(texts).read_text("utf-8"))  # noqa: ASYNC240  nothing else runs here
    encode = _encode(backend, find_model(model))
    encode(["ready"])
    loaded_at, started, cpu_started = monotonic(), perf_counter(), process_time()
    encode(given["sample"])
    took = {
        "load_s": loaded_at - asked_at,
        "seconds": perf_counter() - started,
        "cpu_s": process_time() - cpu_started,
        "peak_rss_mib": peak_rss_mib(),
    }
    if given["others"]:
        np.save(vectors, np.asarray(encode(given["others"]), np.float32))
    return took


def _encode(backend: str, folder: ModelFolder) -> Encode:
    if backend not in {RAW, INT8}:
        return LocalEmbedding(folder, backend=backend).get_text_embedding_batch  # type: ignore[arg-type]
    import torch  # noqa: PLC0415  not in the other backends' time to load
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    model = SentenceTransformer(str(folder.folder), device="cpu", local_files_only=True)
    if backend == INT8:
        layers = {torch.nn.Linear}
        model[0] = torch.ao.quantization.quantize_dynamic(model[0], layers, dtype=torch.qint8)  # type: ignore[no-untyped-call]
    encode: Encode = model.encode
    return encode
