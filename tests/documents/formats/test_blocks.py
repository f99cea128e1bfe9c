from alir.documents.formats.blocks import BLOCK_CHARS, boundary, segments, storable


def test_a_boundary_is_after_the_last_line_end_in_reach() -> None:
    assert boundary("one\ntwo\nthree", 10) == 8


def test_a_boundary_is_before_the_word_the_limit_would_cut() -> None:
    assert boundary("one two three", 10) == 8
    assert boundary("one two three", 7) == 7
    assert boundary("one two three", 8) == 8


def test_one_long_word_has_no_boundary() -> None:
    assert boundary("x" * 20, 10) == 0


def test_segments_are_bounded_and_together_the_whole_text() -> None:
    text = "a line of text\n" * 20_000 + "y" * 200_000
    found = list(segments(text, start=5))
    assert "".join(segment.text for segment in found) == text
    assert max(len(segment.text) for segment in found) == BLOCK_CHARS
    assert all(text[s.start - 5 : s.start - 5 + len(s.text)] == s.text for s in found)


def test_only_lone_surrogates_are_replaced() -> None:
    assert storable("é 😀") == "é 😀"
    assert storable("a\ud800b 😀") == "a\ufffdb 😀"
