"""Guesses of an encoding that is not Unicode: the right one comes first."""

from io import BytesIO

import pytest

from alir.documents.formats.legacy import SAMPLE_BYTES, guesses, sample


def test_a_sample_has_only_lines_that_are_not_ascii() -> None:
    lines = [b"plain\n", "Voilà\n".encode("cp1252"), b"plain again\n", b"\xe9t\xe9\n"]

    assert sample(BytesIO(b"".join(lines))) == lines[1] + lines[3]


def test_a_sample_is_bounded() -> None:
    taken = sample(BytesIO(b"\xe9t\xe9 et hiver\n" * SAMPLE_BYTES))

    assert SAMPLE_BYTES <= len(taken) < SAMPLE_BYTES + 20


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Voilà l'été : les élèves dînent.\n", "cp1252"),
        ("昨日、大きな本屋に行った。\n", "cp932"),
        ("昨日、大きな本屋に行った。\n", "euc_jp"),
        ("Вчера мы купили книги.\n" * 3, "cp1251"),
    ],
    ids=["French", "Japanese on Windows", "Japanese on Unix", "Russian"],
)
def test_the_encoding_of_a_language_is_guessed_first(text: str, encoding: str) -> None:
    assert next(guesses(text.encode(encoding))) == encoding


def test_noise_is_in_no_encoding() -> None:
    assert list(guesses(bytes(range(128, 256)) * 20)) == []
