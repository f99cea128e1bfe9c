"""The settings: from where they come, which wins, and one sentence for a wrong one."""

import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from alir.errors import InvalidSetting
from alir.settings import DEFAULT_MODEL, Settings, variables

NOT_TO_BE_SHOWN = "sk-do-not-show-me"


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("ALIR_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(**overrides: Any) -> str:
    with pytest.raises(InvalidSetting) as refused:
        Settings.load(**overrides)
    return str(refused.value)


def test_without_any_setting_alir_is_usable() -> None:
    settings = Settings.load()

    assert str(settings.milvus_uri) == "./.alir/milvus.db"
    assert settings.collection == "alir"
    assert settings.embed_model == DEFAULT_MODEL
    assert settings.top_k == 5
    assert settings.llm_api_key is None
    assert settings.llm_base_url is None


def test_a_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_TOP_K", "7")
    monkeypatch.setenv("ALIR_MILVUS_URI", "http://localhost:19530")
    monkeypatch.setenv("ALIR_TIMEOUT_S", "2.5")

    settings = Settings.load()

    assert settings.top_k == 7
    assert str(settings.milvus_uri) == "http://localhost:19530"
    assert settings.timeout_s == 2.5


def test_several_names_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_ALLOWED_HOSTS", " alir.example, ,Docs.example")
    monkeypatch.setenv("ALIR_CORS_ORIGINS", "https://a.example")

    settings = Settings.load()

    assert settings.allowed_hosts == ("alir.example", "docs.example")
    assert settings.cors_origins == ("https://a.example",)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_TOP_K", "")
    monkeypatch.setenv("ALIR_LLM_BASE_URL", "")

    assert Settings.load() == Settings()
    assert Settings.load().top_k == 5


def test_a_line_of_the_env_file_is_a_setting() -> None:
    Path(".env").write_text(
        "# a comment\nALIR_TOP_K=8\nALIR_COLLECTION='notes'\nOTHER_PROGRAM=1\n", encoding="utf-8"
    )

    settings = Settings.load()

    assert (settings.top_k, settings.collection) == (8, "notes")


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ALIR_TOP_K=8\nALIR_COLLECTION=notes\n", encoding="utf-8")
    monkeypatch.setenv("ALIR_TOP_K", "7")

    settings = Settings.load()

    assert (settings.top_k, settings.collection) == (7, "notes")


def test_what_is_given_in_code_wins_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ALIR_TOP_K=8\n", encoding="utf-8")
    monkeypatch.setenv("ALIR_TOP_K", "7")
    monkeypatch.setenv("ALIR_LLM_API_KEY", "from the environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://from.the.environment")

    settings = Settings.load(top_k=9, llm_api_key="given", llm_base_url="http://given")

    assert settings.top_k == 9
    assert settings.llm_api_key is not None
    assert settings.llm_api_key.get_secret_value() == "given"
    assert str(settings.llm_base_url) == "http://given"


def test_none_given_in_code_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_COLLECTION", "notes")

    assert Settings.load(collection=None).collection == "notes"


@pytest.mark.parametrize(
    ("milvus_uri", "ledger"),
    [
        ("./.alir/milvus.db", ".alir/.milvus.ledger"),
        ("/data/my.notes.db", "/data/.my.notes.ledger"),
        ("http://localhost:19530", ".alir/localhost-19530.ledger"),
        ("https://user:secret@in01.zilliz.com/mine", ".alir/in01.zilliz.com-19530-mine.ledger"),
        ("http://[::1]:19531/a/b", ".alir/__1-19531-a_b.ledger"),
    ],
)
def test_the_ledger_of_each_file_and_of_each_server_is_another(
    milvus_uri: str, ledger: str
) -> None:
    assert Settings.load(milvus_uri=milvus_uri).ledger_path == Path(ledger)


def test_a_ledger_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_LEDGER", "/state/alir.storage")

    assert Settings.load().ledger_path == Path("/state/alir.storage")


@pytest.mark.parametrize("where", ["environment", "file"])
def test_openais_own_variables_are_read_too(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    values = {"OPENAI_API_KEY": "openais", "OPENAI_BASE_URL": "https://openais"}
    if where == "file":
        Path(".env").write_text("".join(f"{k}={v}\n" for k, v in values.items()), encoding="utf-8")
    else:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    settings = Settings.load()

    assert settings.llm_api_key is not None
    assert settings.llm_api_key.get_secret_value() == "openais"
    assert str(settings.llm_base_url) == "https://openais"


def test_alirs_variables_win_over_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openais")
    monkeypatch.setenv("ALIR_LLM_API_KEY", "alirs")

    settings = Settings.load()

    assert settings.llm_api_key is not None
    assert settings.llm_api_key.get_secret_value() == "alirs"


@pytest.mark.parametrize("where", ["environment", "file"])
@pytest.mark.parametrize("name", ["ALIR_TOPK", "alir_topk"])
def test_a_misspelt_name_is_refused_with_the_name_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, where: str, name: str
) -> None:
    if where == "file":
        Path(".env").write_text(f"{name}=7\n", encoding="utf-8")
    else:
        monkeypatch.setenv(name, "7")

    assert refusal() == f"{name}: there is no such setting. Did you mean ALIR_TOP_K?"


def test_an_unlike_name_is_refused_with_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_ZZZZZZZZZZZZ", "7")

    sentence = refusal()

    assert sentence.startswith("ALIR_ZZZZZZZZZZZZ: there is no such setting. alir knows ALIR_")
    assert all(name in sentence for name in variables())


def test_every_documented_variable_is_known() -> None:
    example = Path(__file__).parents[1] / ".env.example"
    lines = example.read_text(encoding="utf-8").splitlines()
    shown = {line.lstrip("# ").partition("=")[0] for line in lines if "=" in line}

    assert {name for name in shown if name.startswith("ALIR_")} == variables()


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("ALIR_TOP_K", "0", "greater than or equal to 1"),
        ("ALIR_TOP_K", "101", "less than or equal to 100"),
        ("ALIR_TOP_K", "many", "a valid integer"),
        ("ALIR_TIMEOUT_S", "-1", "greater than 0"),
        ("ALIR_TIMEOUT_S", "soon", "a valid number"),
        ("ALIR_LLM_TIMEOUT_S", "0", "greater than 0"),
        ("ALIR_EMBED_BATCH_SIZE", "0", "greater than or equal to 1"),
        ("ALIR_CHUNK_TOKENS", "1", "greater than or equal to"),
        ("ALIR_CHUNK_TOKENS", "few", "a valid integer"),
        ("ALIR_CHUNK_OVERLAP_TOKENS", "-1", "greater than or equal to 0"),
        ("ALIR_COLLECTION", "my notes", "should match pattern"),
        ("ALIR_COLLECTION", "1st", "should match pattern"),
        ("ALIR_COLLECTION", "n" * 256, "should match pattern"),
        ("ALIR_CONSISTENCY_LEVEL", "Weak", "'Strong', 'Session', 'Bounded' or 'Eventually'"),
        ("ALIR_LLM_BASE_URL", "localhost:8000", "must start with http:// or https://"),
        ("ALIR_MILVUS_URI", "milvus", "must be a file name that ends in .db"),
        ("ALIR_CORS_ORIGINS", "*", "must be an origin, such as https://example.org"),
        ("ALIR_CORS_ORIGINS", "https://a.b, https://c.d/", "must be an origin"),
        ("ALIR_QUESTIONS_AT_ONCE", "0", "greater than or equal to 1"),
        ("ALIR_DRAIN_S", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(variable, value)

    sentence = refusal()

    assert sentence.startswith(f"{variable}: {value!r} is not usable: ")
    assert problem in sentence
    assert sentence.endswith("Correct it and try again.")
    assert "\n" not in sentence


def test_a_wrong_value_given_in_code_names_its_variable_too() -> None:
    assert refusal(top_k=0).startswith("ALIR_TOP_K: 0 is not usable")
    assert refusal(llm_base_url="x").startswith("ALIR_LLM_BASE_URL: 'x' is not usable")


def test_a_wrong_value_for_openais_variable_names_a_variable_that_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:8000")

    assert "BASE_URL: 'localhost:8000' is not usable" in refusal()


@pytest.mark.parametrize("name", ["milvus_token", "llm_api_key"])
@pytest.mark.parametrize(
    "value", [[NOT_TO_BE_SHOWN], {"key": NOT_TO_BE_SHOWN}, NOT_TO_BE_SHOWN.encode() + b"\xff"]
)
def test_a_secret_of_a_wrong_type_is_shown_nowhere(name: str, value: object) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings.load(**{name: value})

    shown = "".join(traceback.format_exception(refused.value))
    assert f"ALIR_{name.upper()}: " in shown
    assert NOT_TO_BE_SHOWN not in shown

    with pytest.raises(ValidationError) as invalid:
        Settings(**{name: value})
    assert NOT_TO_BE_SHOWN not in str(invalid.value)


def test_a_secret_is_not_shown_when_another_setting_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALIR_MILVUS_TOKEN", NOT_TO_BE_SHOWN)
    monkeypatch.setenv("ALIR_LLM_API_KEY", NOT_TO_BE_SHOWN)
    monkeypatch.setenv("ALIR_TOP_K", "0")

    with pytest.raises(InvalidSetting) as refused:
        Settings.load()

    assert NOT_TO_BE_SHOWN not in "".join(traceback.format_exception(refused.value))


def test_a_secret_is_not_shown_by_the_settings_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_MILVUS_TOKEN", NOT_TO_BE_SHOWN)
    monkeypatch.setenv("OPENAI_API_KEY", NOT_TO_BE_SHOWN)

    settings = Settings.load()

    assert NOT_TO_BE_SHOWN not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.milvus_token.get_secret_value() == NOT_TO_BE_SHOWN


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings.load().top_k = 7  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("milvus_uri", "ann:hunter2@host:1"),
        ("milvus_uri", "http://ann:hun/ter2@host"),
        ("llm_base_url", "ftp://ann:hunter2@host"),
        ("llm_base_url", "ann:hunter2@host"),
        ("otlp_endpoint", "http://ann:hunter2@host:port"),
    ],
)
def test_a_refused_address_is_told_without_its_credentials(name: str, given: str) -> None:
    told = refusal(**{name: given})
    assert told.startswith(f"ALIR_{name.upper()}: ")
    assert "hunter2" not in told
    assert "hun/ter2" not in told
