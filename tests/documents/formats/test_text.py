"""Plain text: the parts together are exactly what `read_text` gives."""

import os
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from alir.documents.formats import document_text, read
from alir.documents.formats.blocks import BLOCK_CHARS
from alir.errors import UnreadableFile
from alir.models.reading import Reading, Segment
from tests.shared_data import SEED, needs_seed

ESSAY = SEED / "paul_graham_essay.txt"

FRENCH = "Voilà l'été : les élèves dînent à l'hôtel, près du château où naît le goût.\n"
CHINESE = "昨天我们去了一家很大的书店,买了许多关于中国历史的书籍。\n"
JAPANESE = "昨日、私たちは大きな本屋に行って、日本の歴史の本を買いました。\n"


def parts(path: Path, budget_chars: int = 500_000) -> Iterator[Reading]:
    reading = read(path, budget_chars=budget_chars)
    yield reading
    while reading.next:
        reading = read(path, reading.next, budget_chars=budget_chars)
        yield reading


def segments(path: Path, budget_chars: int = 500_000) -> list[Segment]:
    return [segment for part in parts(path, budget_chars) for segment in part.segments]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH + CHINESE + "😀\n", "utf-8"),
        (FRENCH + CHINESE, "utf-8-sig"),
        (FRENCH + CHINESE + "😀\n", "utf-16"),
        (FRENCH + CHINESE + "😀\n", "utf-32"),
        (FRENCH, "latin-1"),
        (FRENCH + "«It’s» 5 €\n", "cp1252"),
        (CHINESE, "gb18030"),
        (JAPANESE, "shift-jis"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "iso2022-jp"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_parts_of_a_text_are_what_read_text_gives(
    tmp_path: Path, text: str, encoding: str, line_end: str
) -> None:
    # 97 lines of differing length, so that characters and line ends fall on block boundaries.
    lines = [text * 20 + "x" * number for number in range(97)]
    path = tmp_path / "file.txt"
    path.write_bytes("\n".join(lines).replace("\n", line_end).encode(encoding))
    expected = path.read_text(encoding=encoding)

    assert document_text(path) == expected
    for budget_chars in (500_000, 40_001):
        found = segments(path, budget_chars)
        assert "".join(segment.text for segment in found) == expected
        for segment in found:
            assert expected[segment.start : segment.start + len(segment.text)] == segment.text
            assert segment.page is None


def test_a_character_or_a_line_end_across_a_read_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    for before in range(65_530, 65_538):
        for across in ("\r\n", "検", "😀", "\r"):
            path.write_bytes(b"a" * before + across.encode() + b"b" * 70_000)
            expected = path.read_text(encoding="utf-8")
            assert document_text(path) == expected
            found = segments(path, before)
            joined = "".join(segment.text for segment in found)
            assert joined.replace("\n", "") == expected.replace("\n", "")
            assert all(expected[s.start : s.start + len(s.text)] == s.text for s in found)


def test_a_block_ends_at_a_line_end_else_at_a_space_else_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("one line of words\n" * 10_000)
    assert all(segment.text.endswith("\n") for segment in segments(path))
    path.write_text("word " * 40_000)
    assert all(segment.text.strip("word ") == "" for segment in segments(path))
    assert all(segment.text.split()[-1] == "word" for segment in segments(path))
    assert all(segment.text.split()[0] == "word" for segment in segments(path))
    path.write_text("x" * 200_000)
    assert [len(segment.text) for segment in segments(path)] == [*[BLOCK_CHARS] * 3, 3_392]


def test_a_part_holds_no_more_than_its_budget_and_cuts_no_word(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("seven words stand on each single line\n" * 500)
    for part in parts(path, 1_000):
        assert sum(len(segment.text) for segment in part.segments) <= 1_000
        assert all(segment.text.endswith("\n") for segment in part.segments)


def test_white_space_gives_no_segment_and_moves_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("a\n" + "\n" * 300_000 + "b\n" + " " * 300_000)
    found = segments(path, 100_000)
    assert [segment.text.strip() for segment in found] == ["a", "b"]
    whole = path.read_text()
    assert all(whole[s.start : s.start + len(s.text)] == s.text for s in found)
    assert document_text(path) == whole


def test_random_text_is_read_to_the_character_at_any_budget(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    path = tmp_path / "file.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        for _ in range(25):
            length = chance.randrange(1, 400)
            text = "".join(chance.choices("abc é検😀 \r\n\t\x85\u2028", k=length)) + "end"
            path.write_bytes(text.encode(encoding))
            expected = path.read_text(encoding=encoding)
            assert document_text(path) == expected
            budget_chars = chance.choice([1, 3, 17, 100])
            for part in parts(path, budget_chars):
                assert sum(len(segment.text) for segment in part.segments) <= budget_chars
                for segment in part.segments:
                    end = segment.start + len(segment.text)
                    assert expected[segment.start : end] == segment.text


def test_one_long_line_without_a_space_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(b"0123456789abcdef" * 65_536)
    tracemalloc.start()
    try:
        assert sum(len(s.text) for part in parts(path) for s in part.segments) == 50 << 20
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5 << 20


def test_a_part_deep_in_a_file_costs_no_more_than_one_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("some words in a line\n" * 200_000)
    late = next(part.next for part in parts(path) if part.next and part.next.position > 3_000_000)
    with path.open("r+b") as file:
        file.write(b"\xff" * 1_000_000)  # what came before is not looked at again
    assert read(path, late).segments[0].text.startswith("some words")


def test_a_file_cut_short_between_two_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("some words in a line\n" * 50_000)
    cursor = read(path).next
    os.truncate(path, 1_000)
    with pytest.raises(UnreadableFile, match="changed while it was being read"):
        read(path, cursor)


@needs_seed
def test_the_essay_is_read_to_the_character() -> None:
    found = segments(ESSAY)
    assert "".join(segment.text for segment in found) == ESSAY.read_text(encoding="utf-8")
