"""Binary content is named, whatever the file's own name says."""

from pathlib import Path

import pytest

from alir.documents.formats import read
from alir.documents.formats.signature import guess, name
from alir.errors import UnreadableFile


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG image"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "WAV audio"),
        (b"\0\0\0\x18ftypmp42", "MP4 video or HEIF image"),
        (b"\x1f\x8b\x08\0", "gzip archive"),
        (b"\x7fELF\x02\x01", "Linux program"),
        (b"SQLite format 3\0", "SQLite database"),
    ],
)
@pytest.mark.parametrize("file_name", ["a.txt", "a.pdf", "a.html", "a.csv", "a"])
def test_well_known_binary_content_is_named(
    tmp_path: Path, head: bytes, what: str, file_name: str
) -> None:
    assert name(head) == what
    path = tmp_path / file_name
    path.write_bytes(head + bytes(100))
    with pytest.raises(UnreadableFile) as caught:
        read(path)
    assert caught.value.reason == f"is binary ({what}), not a document alir reads"


def test_text_has_no_signature() -> None:
    assert name(b"Plain words, and more of them.") is None
    assert name(b"RIFF is a word, too") is None


def test_content_without_a_signature_is_guessed() -> None:
    assert guess(b"\xef\xbb\xbf <!DOCTYPE HTML>").startswith("an HTML page")
    assert guess(b"a\0b").startswith("binary data")
    assert guess(b"words").startswith("plain text")
