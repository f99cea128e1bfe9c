"""A BERT on OpenVINO, beside the same weights on torch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alir.errors import ModelUnavailable
from alir.inference.embeddings import LocalEmbedding, ModelFolder, find_model
from alir.settings import DEFAULT_MODEL

pytest.importorskip("openvino")

TEXTS = ["Cats sleep.", "Bees make honey and live in hives.", "", "日本語", "A long text, " * 99]


@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token"])
def test_in_full_precision_the_vectors_are_those_of_torch(pooling: str, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    from alir.inference.embeddings.openvino_bert import OpenVinoBert

    folder = tmp_path / "model"
    shutil.copytree(find_model(DEFAULT_MODEL).folder, folder)
    chosen = {"word_embedding_dimension": 384, f"pooling_mode_{pooling}": True}
    if pooling != "mean_tokens":
        chosen["pooling_mode_mean_tokens"] = False
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(chosen))
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "ask: "}}')
    ours = OpenVinoBert(ModelFolder("m", folder), threads=1, precision="f32")
    theirs = SentenceTransformer(str(folder), device="cpu")

    np.testing.assert_allclose(
        ours.encode(TEXTS, is_question=False),
        theirs.encode(TEXTS, normalize_embeddings=True),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        ours.encode(TEXTS[:2], is_question=True),
        theirs.encode(TEXTS[:2], prompt_name="query", normalize_embeddings=True),
        atol=1e-5,
    )


def test_as_installed_it_is_close_and_neither_loads_torch_nor_reports_to_anyone(
    tmp_path: Path,
) -> None:
    code = """if True:
        import json, sys, threading
        asked, calls = [], ("socket.connect", "socket.getaddrinfo", "socket.sendto")
        sys.addaudithook(lambda event, _: event in calls and asked.append(event))
        from alir.inference.embeddings import LocalEmbedding, find_model
        from alir.settings import DEFAULT_MODEL
        embedding = LocalEmbedding(find_model(DEFAULT_MODEL), backend="openvino")
        vector = embedding.get_text_embedding("Cats sleep.")
        embedding.close()
        loaded = [m for m in ("torch", "sentence_transformers") if m in sys.modules]
        threads = [t.name for t in threading.enumerate()]
        print(json.dumps([vector, loaded, threads, asked]))
        """
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    vector, loaded, threads, asked = json.loads(run.stdout)
    torch = LocalEmbedding(find_model(DEFAULT_MODEL)).get_text_embedding("Cats sleep.")
    assert np.dot(vector, torch) > 0.999
    assert (loaded, threads, asked) == ([], ["MainThread"], [])
    assert list(tmp_path.iterdir()) == []


def with_weights_of(dtype: str, folder: Path) -> ModelFolder:
    """The default model, its weights in another type."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(find_model(DEFAULT_MODEL).folder, folder)
    file = folder / "model.safetensors"
    save_file({name: one.to(getattr(torch, dtype)) for name, one in load_file(file).items()}, file)
    return ModelFolder("m", folder)


def test_texts_of_every_length_are_computed_in_few_widths() -> None:
    from alir.inference.embeddings.openvino_bert import OpenVinoBert

    bert = OpenVinoBert(find_model(DEFAULT_MODEL), threads=1, precision="f32")
    texts = ["word " * count for count in (1, 5, 6, 7, 13, 14, 15, 300)]
    widths = []

    class Watched:
        def __init__(self) -> None:
            self._request = bert._model.create_infer_request()

        def infer(self, inputs: list[Any]) -> Any:
            widths.append(inputs[0].shape[1])
            return self._request.infer(inputs)

    bert._requests.own = Watched()
    alone = [bert.encode([text], is_question=False)[0] for text in texts]
    together = bert.encode(texts, is_question=False)

    # Two tokens more each, and the longest cut to what the model takes.
    assert widths == [8, 8, 8, 16, 16, 16, 24, 256, 256]
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_weights_of_half_the_bits_are_computed_with(tmp_path: Path) -> None:
    half = LocalEmbedding(with_weights_of("float16", tmp_path / "model"), backend="openvino")
    full = LocalEmbedding(find_model(DEFAULT_MODEL), backend="openvino")

    vectors = [one.get_text_embedding_batch(TEXTS) for one in (half, full)]

    assert np.sum(np.prod(vectors, axis=0), axis=1).min() > 0.999
    half.close()
    full.close()


def test_weights_of_a_type_numpy_has_not_are_refused_with_what_to_do(tmp_path: Path) -> None:
    model = with_weights_of("bfloat16", tmp_path / "model")

    with pytest.raises(ModelUnavailable, match=r"type BF16.*ALIR_EMBED_BACKEND to torch"):
        LocalEmbedding(model, backend="openvino").get_text_embedding("Cats sleep.")


def test_a_model_that_is_no_bert_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(find_model(DEFAULT_MODEL).folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mpnet"}))
    embedding = LocalEmbedding(ModelFolder("other", folder), backend="openvino")
    with pytest.raises(ModelUnavailable, match="Set ALIR_EMBED_BACKEND to torch"):
        embedding.get_text_embedding("text")
    embedding.close()


@pytest.mark.parametrize(
    ("took_s", "capabilities", "then"),
    [
        ({"bf16": 1, "f32": 2}, ["FP32", "BF16"], "bf16"),
        ({"bf16": 2, "f32": 1}, ["FP32", "BF16"], "f32"),
        ({}, ["FP32"], "f32"),
    ],
)
def test_it_computes_in_the_precision_that_this_processor_is_faster_in(
    took_s: dict[str, int], capabilities: list[str], then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino as ov

    from alir.inference.embeddings import openvino_bert

    multiply = openvino_bert._multiplied_s
    assert all(multiply(ov.Core(), precision) > 0 for precision in ("bf16", "f32"))
    monkeypatch.setattr(openvino_bert, "_multiplied_s", lambda _, precision: took_s[precision])
    monkeypatch.setattr(ov.Core, "get_property", lambda *_: capabilities)
    monkeypatch.setattr(
        openvino_bert, "fastest_precision", openvino_bert.fastest_precision.__wrapped__
    )

    model = openvino_bert.OpenVinoBert(find_model(DEFAULT_MODEL), threads=1)

    chosen = model._model.get_property("INFERENCE_PRECISION_HINT")
    assert chosen == (ov.Type.bf16 if then == "bf16" else ov.Type.f32)
