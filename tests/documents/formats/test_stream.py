"""A text stream: pieces of any size, from any cursor on, give what `read_text` gives."""

from pathlib import Path

import pytest

from alir.documents.formats.source import opened
from alir.documents.formats.stream import TextStream, beginning, whole
from alir.errors import UnreadableFile
from alir.models.reading import Cursor

TEXT = "Bees \u2013 \u871c\u8702 \U0001f41d.\r\nA hive\rhas one queen.\n" * 5_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bees.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    return path


def test_the_whole_text_has_no_mark_and_line_feeds_only(path: Path) -> None:
    with opened(path) as source:
        assert whole(source, "text") == path.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("chars", [1, 70, 65_536])
def test_a_cursor_goes_on_where_the_piece_before_ended(path: Path, chars: int) -> None:
    text, pieces = path.read_text(encoding="utf-8-sig"), list[str]()
    with opened(path) as source:
        at: Cursor | None = beginning(source)
        while at is not None and len(pieces) < 20:
            stream = TextStream(source, at)
            stream.fill(chars)
            pieces.append(stream.take(chars))
            at = stream.cursor(at.chars + len(pieces[-1]))

    assert at is None or at.chars == len("".join(pieces))
    assert text.startswith("".join(pieces))
    assert at is not None or "".join(pieces) == text


def test_a_file_that_became_shorter_is_refused(path: Path) -> None:
    with opened(path) as source:
        beyond = Cursor(position=source.size_bytes + 1, chars=9, encoding="utf_8")
        with pytest.raises(UnreadableFile, match="changed while it was being read"):
            TextStream(source, beyond)
