"""What is printed shows what would control a terminal, and obeys none of it."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from alir.app.printable import plain


def test_escape_sequences_are_shown() -> None:
    assert plain("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07") == (
        "␛]8;;https://evil.example␇click␛]8;;␇"
    )
    assert plain("a\x9b2Jb\x7f\x00") == "a\ufffd2Jb␡␀"
    assert plain("txt.\u202efdp\u2066") == "txt.\ufffdfdp\ufffd"


def test_text_stays_as_it_is() -> None:
    text = "Zwei\tSpalten\nund “mehr” 👩\u200d💻 ة"
    assert plain(text) == text
    assert plain("one\r\ntwo\n") == "one\ntwo\n"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert {c for c in plain(text) if unicodedata.category(c) == "Cc"} <= {"\n", "\t"}
