"""The exit code of each family of errors, and the sentence on stderr."""

import pytest
import typer

from alir.cli.exit_codes import EXIT_CODES, reported, run_with_alir
from alir.errors import (
    AlirError,
    ConfigError,
    DependencyError,
    EmptyQuestion,
    InputError,
    InvalidSetting,
    MilvusTimeout,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidSetting("ALIR_TOP_K", "it is odd", "Correct it."), 3),
        (EmptyQuestion(), 4),
        (MilvusTimeout("http://milvus:19530", 10), 5),
    ],
)
def test_an_error_is_one_sentence_and_its_family_s_code(
    capsys: pytest.CaptureFixture[str], error: AlirError, code: int
) -> None:
    with pytest.raises(typer.Exit) as exited, reported():
        raise error

    assert exited.value.exit_code == code
    assert capsys.readouterr() == ("", f"alir: {error}\n")


def test_an_interrupt_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as exited, reported():
        raise KeyboardInterrupt

    assert exited.value.exit_code == 130
    assert "the next run goes on" in capsys.readouterr().err


def test_a_defect_is_not_reported_as_an_error_of_the_user() -> None:
    with pytest.raises(ZeroDivisionError), reported():
        _ = 1 / 0


def test_every_family_has_a_code() -> None:
    assert set(EXIT_CODES) == {ConfigError, InputError, DependencyError}


def test_a_wrong_setting_is_reported_before_the_command_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALIR_TOP_K", "many")

    with pytest.raises(typer.Exit) as exited:
        run_with_alir(lambda _: pytest.fail("it ran"), collection=None)

    assert exited.value.exit_code == 3
