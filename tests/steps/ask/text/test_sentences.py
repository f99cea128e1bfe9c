"""Sentences: spans that are exact in any text, and the words that carry a meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.steps.ask.text.sentences import MAX_SENTENCE_CHARS, content_words, sentences


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


def test_a_text_is_cut_at_its_sentences() -> None:
    assert cut("Cats sleep. Do dogs bark? Birds fly!") == [
        "Cats sleep.",
        "Do dogs bark?",
        "Birds fly!",
    ]


def test_spans_count_in_the_text_and_leave_white_space_out() -> None:
    text = "  Cats sleep.\n Dogs bark. \t"

    assert [(span.start, span.end) for span in sentences(text)] == [(2, 13), (15, 25)]


def test_an_abbreviation_or_a_decimal_point_does_not_end_a_sentence() -> None:
    text = "Dr. Smith saw 3.5 cats in the U.S. last year. Dogs bark."

    assert cut(text) == ["Dr. Smith saw 3.5 cats in the U.S. last year.", "Dogs bark."]


@pytest.mark.parametrize("blank", ["\n\n", "\n \t\n", "\n\n\n\n"])
def test_a_blank_line_ends_a_sentence(blank: str) -> None:
    assert cut(f"A heading{blank}Cats sleep\nall day{blank}end") == [
        "A heading",
        "Cats sleep\nall day",
        "end",
    ]


def test_a_line_end_alone_does_not_end_a_sentence() -> None:
    assert cut("Cats sleep\nall day.") == ["Cats sleep\nall day."]


def test_a_long_table_is_cut_at_its_lines_in_groups_as_large_as_may_be() -> None:
    row = "cats | " + "9 | " * 20 + "dogs\n"  # of 92 characters
    table = row * 10

    rows = [len(one.splitlines()) for one in cut(table)]

    assert len(row) == 92
    assert rows == [4, 4, 2]
    assert "".join(f"{one}\n" for one in cut(table)) == table


def test_a_row_longer_than_the_limit_stays_whole() -> None:
    long = "x | " * 200 + "end"

    assert cut(f"short\n{long}\nshort") == ["short", long, "short"]


def test_a_sentence_at_the_limit_is_not_a_table() -> None:
    half = "x" * (MAX_SENTENCE_CHARS // 2)

    assert cut(f"{half}\n{half[1:]}") == [f"{half}\n{half[1:]}"]
    assert cut(f"{half}\n{half}") == [half, half]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t\n \n"])
def test_white_space_has_no_sentence(text: str) -> None:
    assert cut(text) == []


PIECES = [
    *("Cats ", "sleep. ", "Dogs! ", "Dr. ", "3.5 ", '"So." ', "(why?) ", "...", ".", " ", "  "),
    *("\n", "\n\n", "\n \t\n", "\r\n", "\t", "\f", "\x0b", "\x85", "\u2028", "\u00a0", "\ufeff"),
    *(
        "猫睡觉。",
        "狗叫！",
        "😀",
        "e\u0301",
        "İ ",
        "\x00",
        "\x1c",
        "| cell " * 20,
        "x" * 399,
        "y" * 401,
    ),
]


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.text()))
def test_the_spans_of_any_text_hold_every_letter_once_and_in_order(text: str) -> None:
    spans = list(sentences(text))

    position = 0
    for span in spans:
        assert not text[position : span.start].strip()
        assert span.start < span.end
        inside = text[span.start : span.end]
        assert inside == inside.strip()
        position = span.end
    assert not text[position:].strip()


def test_content_words_are_lower_case_without_function_words() -> None:
    assert content_words("What did the Author work on, before COLLEGE?") == {
        "author",
        "work",
        "colleg",
    }


def test_a_number_is_one_word() -> None:
    assert content_words("1,234.5 in 2021, 17.") == {"1,234.5", "2021", "17"}


def test_a_plural_meets_its_singular() -> None:
    assert content_words("revenues") == content_words("Revenue")
    assert content_words("class") == {"class"}
    assert content_words("gas") == {"gas"}


def test_words_of_any_script_are_words() -> None:
    assert content_words("Straße ÉTÉ naïve 猫") == {"strass", "été", "naïv", "猫"}
    assert content_words("?! --- ...") == set()


def test_marks_do_not_end_a_word() -> None:
    assert content_words("हिन्दी में पुस्तकालय।") == {"हिन्दी", "में", "पुस्तकालय"}
    assert content_words("முன்னணி மொழி") == {"முன்னணி", "மொழி"}
    assert content_words("ที่") == {"ที", "ี่"}
    assert content_words("e\u0301te\u0301") == content_words("été") == {"été"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("长城很长。熊猫吃竹子！为什么？", ["长城很长。", "熊猫吃竹子！", "为什么？"]),
        ("本当ですか！？はい。", ["本当ですか！？", "はい。"]),
        ("「晴れだ。」彼は言った。", ["「晴れだ。」", "彼は言った。"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("هل تعرف؟ نعم.", ["هل تعرف؟", "نعم."]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
        ("서울은 수도다. 부산은 항구다.", ["서울은 수도다.", "부산은 항구다."]),
        ("Anak-anak bermain. Ibu memasak.", ["Anak-anak bermain.", "Ibu memasak."]),
    ],
)
def test_the_marks_of_every_script_end_a_sentence(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_a_page_without_marks_is_cut_at_its_spaces_where_words_have_none() -> None:
    text = " ".join(["ฐานข้อมูลจัดเก็บเอกสาร"] * 50)

    found = cut(text)

    assert all(300 < len(one) <= 400 for one in found[:-1])
    assert " ".join(found) == text


def test_a_page_without_marks_and_spaces_is_cut_at_the_limit() -> None:
    assert [len(one) for one in cut("字" * 900)] == [400, 400, 100]
