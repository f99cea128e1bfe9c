"""Office files alir does not read say what they are and what to do."""

import io
import zipfile
from pathlib import Path

import pytest

from alir.documents.formats import read
from alir.errors import UnreadableFile


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name in names:
            new.writestr(name, "content")
    return file.getvalue()


def compound(*streams: str, exponent: int = 9) -> bytes:
    """An OLE compound file with a directory of these streams in its third sector."""
    header = bytearray(1 << exponent)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = exponent.to_bytes(2, "little")
    header[48:52] = (2).to_bytes(4, "little")
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in streams)
    return bytes(header) + bytes(2 << exponent) + entries.ljust(1 << exponent, b"\0")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xlsx", archive("xl/workbook.xml"), "is an Excel workbook; save its sheets as CSV"),
        ("a.pptx", archive("ppt/presentation.xml"), "is a PowerPoint presentation; save it as PDF"),
        ("a.epub", archive("META-INF/container.xml"), "is an EPUB book; save it as HTML or PDF"),
        ("a.odt", archive("content.xml"), "is an OpenDocument file; save it as DOCX or PDF"),
        ("a.zip", archive("a.txt"), r"is binary \(ZIP archive\), not a document alir reads"),
        ("a.txt", archive("a.txt"), r"is binary \(ZIP archive\), not a document alir reads"),
        ("a.docx", archive("a.txt"), "is named .docx but is a ZIP archive of something else"),
        ("a.docx", archive("a.txt")[:-9], "is a damaged or truncated DOCX"),
        ("a.zip", archive("a.txt")[:-9], "is a damaged or truncated ZIP archive"),
        ("a.docx", compound("Root Entry", "EncryptedPackage"), "is password-protected; remove"),
        ("a.docx", compound("EncryptedPackage", exponent=12), "is password-protected; remove"),
        ("a.doc", compound("Root Entry", "WordDocument"), "is a legacy Word document; save it as"),
        ("a.docx", compound("WordDocument"), "is a legacy Word document; save it as .docx"),
        ("a.xls", compound("Workbook"), "is a legacy Excel workbook; save its sheets as CSV"),
        ("a.ppt", compound("PowerPoint Document"), "is a legacy PowerPoint presentation"),
        ("a.msg", compound("Root Entry"), r"is binary \(legacy Office file\)"),
        ("a.doc", compound("WordDocument")[:40], r"is binary \(legacy Office file\)"),
        ("a.doc", b"{\\rtf1 text}", "is an RTF file; save it as .docx and ingest again"),
        ("a.doc", b"plain words", "is named .doc but holds plain text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_office_file_that_is_not_read_says_what_to_do(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason):
        read(path)
