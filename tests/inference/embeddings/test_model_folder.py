"""What the files of a model say."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from alir.errors import ModelUnavailable
from alir.inference.embeddings import ModelFolder, find_model
from alir.settings import DEFAULT_MODEL


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no dimension"):
        _ = find_model(str(tmp_path)).dim
    with pytest.raises(ModelUnavailable, match=r"no tokenizer\.json"):
        find_model(str(tmp_path)).count_tokens("text")


def test_a_run_of_any_length_is_never_one_token() -> None:
    model = find_model(DEFAULT_MODEL)
    assert len(model.count_tokens("Cats sleep.")) == 3
    assert len(model.count_tokens("f" * 64_000)) == 2_000


def test_lengths_are_what_the_model_reads_of_each_text() -> None:
    model = find_model(DEFAULT_MODEL)
    assert model.lengths(["Cats sleep.", "", "word " * 1000]) == [3, 0, 254]


def test_an_instruction_for_questions_comes_from_the_model_s_files(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert ModelFolder("intfloat/e5-small", tmp_path).query_instruction == "query: "
    assert find_model(DEFAULT_MODEL).query_instruction == ""


def test_an_instruction_that_the_files_lack_is_the_one_llamaindex_knows(tmp_path: Path) -> None:
    instruction = ModelFolder("BAAI/bge-small-en-v1.5", tmp_path).query_instruction
    assert instruction == "Represent this question for searching relevant passages: "


def test_the_default_model_is_a_bert_and_an_empty_folder_is_none(tmp_path: Path) -> None:
    bert = find_model(DEFAULT_MODEL).bert()
    assert (bert.layers, bert.heads, bert.hidden, bert.pools_first) == (6, 12, 384, False)
    with pytest.raises(ModelUnavailable, match="Set ALIR_EMBED_BACKEND to torch"):
        ModelFolder("other", tmp_path).bert()


def test_a_model_is_known_by_the_files_of_its_weights_wherever_they_lie(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    assert ModelFolder("m", one).weights == ""
    (one / "pytorch_model.bin").write_bytes(b"the old format")
    assert ModelFolder("m", one).weights == sha256(b"the old format").hexdigest()
    (one / "model.safetensors").write_bytes(b"numbers")
    assert ModelFolder("m", one).weights == sha256(b"numbers").hexdigest()

    moved = tmp_path / "moved"
    one.rename(moved)
    alone = ModelFolder("another name", moved).weights
    assert alone == sha256(b"numbers").hexdigest()
    (moved / "2_Dense").mkdir()
    (moved / "2_Dense" / "model.safetensors").write_bytes(b"more numbers")
    both = ModelFolder("m", moved).weights
    (moved / "2_Dense" / "model.safetensors").write_bytes(b"others")
    assert len({alone, both, ModelFolder("m", moved).weights}) == 3
