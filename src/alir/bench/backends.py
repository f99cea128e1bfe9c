"""What computes the vectors: speed, memory, time to load and recall of each backend.

    python -m alir.bench.backends [--json] [--rounds N] [--sample N] [--questions FILE] PATH...

Each backend runs in a process of its own; all of them embed the same sample in turns.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import IO, get_args

import numpy as np
from llama_index.core.node_parser import SentenceSplitter
from numpy.typing import NDArray

from alir.embedding import LocalEmbedding, ModelFolder, find_model
from alir.formats import document_text
from alir.settings import DEFAULT_MODEL, EmbedBackend

RAW = "encode"
"""`SentenceTransformer.encode` of all texts in one call, as it comes: the yardstick."""
INT8 = "torch-int8"
"""torch with eight bits, made as it recommends. Not a backend of alir's: see its recall."""
BACKENDS = (RAW, *(name for name in get_args(EmbedBackend) if name != "auto"), INT8)
TOP = 10
Encode = Callable[[list[str]], Sequence[Sequence[float]]]
_RECORD = re.compile(r"^\.I .*?^\.W\n(.*?)(?=^\.I |\Z)", re.MULTILINE | re.DOTALL)


def measure(
    texts: Sequence[str],
    questions: Sequence[str],
    *,
    model: str = DEFAULT_MODEL,
    backends: Sequence[str] = BACKENDS,
    rounds: int = 3,
    sample: int = 100,
) -> dict[str, dict[str, float]]:
    """Measure each of `backends`; the first one is what the others are compared with.

    The figures of a backend: `load_s`, a fresh process to its first vector, with imports;
    `rss_mb`, its largest resident memory; `texts_per_s` and `cpu_ms_per_text`, medians of the
    rounds over `sample` of `texts`; `ratio`, the median of its speed to the first one's in the
    same round. With questions, over all of `texts`: `recall_at_10` of the first one's nearest
    texts, `recall_at_10_across` with the texts' vectors by the first and the questions' by this
    one; `cosine`, the mean similarity of its vectors to the first one's.
    """
    sides = {name: _Side(name, model) for name in backends}
    try:
        chosen = [texts[i * len(texts) // sample] for i in range(min(sample, len(texts)))]
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in backends}
        for _ in range(rounds):
            for name, side in sides.items():
                runs[name].append(side.ask(chosen)[0])
        found = {
            name: _speed(sides[name].load_s, runs[name], runs[backends[0]], len(chosen))
            for name in backends
        }
        if questions:
            first: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
            for name, side in sides.items():
                vectors = side.ask(list(texts))[1], side.ask(list(questions))[1]
                first = first or vectors
                found[name] |= _quality(vectors, first)
        for name, side in sides.items():
            found[name]["rss_mb"] = side.ask([])[0]["rss_mb"]
        return found
    finally:
        for side in sides.values():
            side.close()


class _Side:
    """A process with one backend loaded."""

    def __init__(self, backend: str, model: str) -> None:
        started = perf_counter()
        self._backend = backend
        self._process = subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-m", "alir.bench.backends", "--side", backend, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ask(["ready"])
        self.load_s = perf_counter() - started

    def ask(self, texts: list[str]) -> tuple[dict[str, float], NDArray[np.float32]]:
        """Return what it took to embed `texts`, and their vectors."""
        assert self._process.stdin is not None  # noqa: S101  for the type checker
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process of {self._backend} ended: can alir embed with it?")
        answer = json.loads(line)
        return answer["took"], np.array(answer["vectors"], np.float32)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _serve(backend: str, model: str, asked: IO[str], answers: IO[str]) -> None:
    """Answer each line of texts with their vectors."""
    encode = _encode(backend, find_model(model))
    for line in asked:
        texts = json.loads(line)
        wall, cpu = perf_counter(), process_time()
        vectors = np.asarray(encode(texts) if texts else [], np.float32)
        took = {
            "s": perf_counter() - wall,
            "cpu_s": process_time() - cpu,
            "rss_mb": _peak_rss_mb(),
        }
        answers.write(json.dumps({"took": took, "vectors": vectors.tolist()}) + "\n")
        answers.flush()


def _peak_rss_mb() -> float:
    # Not getrusage: that counts what the parent had before the exec.
    status = Path("/proc/self/status").read_text("utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


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


def _speed(
    load_s: float, runs: list[dict[str, float]], yardstick: list[dict[str, float]], texts: int
) -> dict[str, float]:
    ratios = [theirs["s"] / own["s"] for own, theirs in zip(runs, yardstick, strict=True)]
    return {
        "load_s": load_s,
        "texts_per_s": texts / statistics.median(run["s"] for run in runs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "cpu_ms_per_text": 1000 * statistics.median(run["cpu_s"] for run in runs) / texts,
    }


def _quality(
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    first: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> dict[str, float]:
    expected = _nearest(*first)
    return {
        "recall_at_10": _share(_nearest(*vectors), expected),
        "recall_at_10_across": _share(_nearest(first[0], vectors[1]), expected),
        "cosine": float(np.mean(np.sum(vectors[0] * first[0], axis=1))),
    }


def _nearest(texts: NDArray[np.float32], questions: NDArray[np.float32]) -> list[set[int]]:
    order = np.argsort(-(questions @ texts.T), axis=1, kind="stable")[:, :TOP]
    return [set(row.tolist()) for row in order]


def _share(found: list[set[int]], expected: list[set[int]]) -> float:
    shares = [len(one & other) / len(other) for one, other in zip(found, expected, strict=True)]
    return statistics.mean(shares)


def _texts(path: Path, folder: ModelFolder) -> list[str]:
    """Return the records of a file in Cranfield's format, or the chunks alir makes of another."""
    text = document_text(path)
    if records := _RECORD.findall(text):
        return [" ".join(record.split()) for record in records if record.strip()]
    splitter = SentenceSplitter(
        chunk_size=folder.max_tokens, chunk_overlap=32, tokenizer=folder.count_tokens
    )
    chunks = [chunk for page in text.split("\f") for chunk in splitter.split_text(page)]
    return [chunk for chunk in chunks if chunk.strip()]


def _print(found: dict[str, dict[str, float]]) -> None:
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    print("backend".ljust(12), *names)  # noqa: T201
    for backend, figures in found.items():
        cells = [
            f"{figures[name]:.4g}".rjust(len(name)) if name in figures else " " * len(name)
            for name in names
        ]
        print(backend.ljust(12), *cells)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(prog="python -m alir.bench.backends")
    parser.add_argument("paths", nargs="+", type=Path, help="files to embed")
    parser.add_argument("--questions", type=Path, help="one a line, or in Cranfield's format")
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=100, help="texts that the speed is of")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    folder = find_model(given.model)
    questions = []
    if given.questions is not None:
        text = given.questions.read_text("utf-8")
        questions = [" ".join(one.split()) for one in _RECORD.findall(text) or text.splitlines()]
    found = measure(
        [text for path in given.paths for text in _texts(path, folder)],
        [question for question in questions if question],
        model=given.model,
        backends=given.backends.split(","),
        rounds=given.rounds,
        sample=given.sample,
    )
    if given.json:
        print(json.dumps(found, indent=2))  # noqa: T201
    else:
        _print(found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        _serve(sys.argv[2], sys.argv[3], sys.stdin, sys.stdout)
    else:
        main()
