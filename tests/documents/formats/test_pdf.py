"""PDF: a segment a page, joined by form feeds. The PDFs are written by hand, byte by byte."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alir.documents.formats import document_text, read
from alir.errors import UnreadableFile
from alir.models.reading import Reading
from tests.shared_data import SEED, needs_seed

UBER = SEED / "uber_2021.pdf"
ENCRYPTION = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<00><00>]" % (
    b"28" * 32,
    b"5e" * 32,
)


def pdf(*pages: str, trailer: bytes = b"") -> bytes:
    """A PDF 1.4 file of these pages, one text line for each line."""
    catalog, font = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Font/Subtype/Type1/BaseFont/Times>>"
    objects = [catalog, b"", font]
    kids = []
    for page in pages:
        shown = b"".join(b"(%s)Tj T* " % line for line in page.encode("cp1252").split(b"\n"))
        stream = b"BT /F1 12 Tf 14 TL 50 700 Td %sET" % shown
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    content, offsets = b"%PDF-1.4\n", b""
    for number, body in enumerate(objects, 1):
        offsets += b"%010d 00000 n \n" % len(content)
        content += b"%d 0 obj%s endobj\n" % (number, body)
    size = len(objects) + 1
    return (
        content
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\n"
        % ((size, offsets, size, trailer))
        + (b"startxref\n%d\n%%%%EOF\n" % len(content))
    )


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def parts(path: Path, budget_chars: int) -> Iterator[Reading]:
    reading = read(path, budget_chars=budget_chars)
    yield reading
    while reading.next:
        reading = read(path, reading.next, budget_chars=budget_chars)
        yield reading


def test_pages_are_segments_joined_by_form_feeds(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdf", pdf("Hello world\nsecond line", "Page two", "Page three"))
    reading = read(path)
    assert [(s.text, s.start, s.page) for s in reading.segments] == [
        ("Hello world\nsecond line", 0, 1),
        ("Page two", 24, 2),
        ("Page three", 33, 3),
    ]
    assert reading.next is None
    assert document_text(path) == "Hello world\nsecond line\fPage two\fPage three"


def test_an_empty_page_is_left_out_and_keeps_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdf", pdf("one", "", "   ", "four"))
    assert [(s.text, s.start, s.page) for s in read(path).segments] == [
        ("one", 0, 1),
        ("four", 6, 4),
    ]
    assert document_text(path) == "one\f\f\ffour"


def test_a_hyphen_at_a_line_s_end_is_a_hyphen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdf", pdf("statements are forward-\nlooking, as ever"))
    assert document_text(path).startswith("statements are forward-")


def test_parts_keep_to_the_budget_but_hold_a_page_at_least(tmp_path: Path) -> None:
    pages = [f"page {number} " + "word " * number for number in range(1, 30)]
    path = write(tmp_path / "a.pdf", pdf(*pages))
    whole = document_text(path)
    for budget_chars in (1, 150, 400):
        found = []
        for part in parts(path, budget_chars):
            sizes = [len(segment.text) for segment in part.segments]
            assert sum(sizes) <= budget_chars or len(sizes) == 1
            found += part.segments
        assert [segment.page for segment in found] == list(range(1, 30))
        assert all(whole[s.start : s.start + len(s.text)] == s.text for s in found)


def test_content_is_read_as_pdf_whatever_the_name(tmp_path: Path) -> None:
    assert document_text(write(tmp_path / "report.txt", pdf("a PDF"))) == "a PDF"
    late = b"junk before the header\n" + pdf("a PDF")
    assert document_text(write(tmp_path / "late.pdf", late)) == "a PDF"


def test_a_file_name_that_is_not_unicode_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.pdf"
    try:
        path.write_bytes(pdf("a PDF"))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes no such name")
    assert document_text(path) == "a PDF"


def test_threads_may_read_at_once(tmp_path: Path) -> None:
    pages = [f"page {number}" for number in range(40)]
    path = write(tmp_path / "a.pdf", pdf(*pages))
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(document_text, [path] * 40))
    assert texts == ["\f".join(pages)] * 40


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pdf("secret", trailer=ENCRYPTION), "is password-protected; remove the password and in"),
        (pdf("a page")[:-200], "is a damaged or truncated PDF"),
        (b"%PDF-1.7\n", "is a damaged or truncated PDF"),
        (pdf("", "  "), r"holds no text \(a scanned PDF\?\); run OCR first"),
        (pdf(), "is a damaged or truncated PDF"),
        (b"not a PDF at all", "is named .pdf but holds plain text; name it .txt"),
        (b"<!DOCTYPE html><p>Not found</p>", "is named .pdf but holds an HTML page"),
        (b"\x89PNG\r\n\x1a\n\0", r"is binary \(PNG image\), not a document alir reads"),
        (b"\x01\0\x02\0", "is named .pdf but holds binary data"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = write(tmp_path / "a.pdf", content)
    with pytest.raises(UnreadableFile, match=reason):
        read(path)
    with pytest.raises(UnreadableFile, match=reason):
        document_text(path)


def test_a_pdf_replaced_by_a_shorter_one_between_two_parts_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdf", pdf("one", "two", "three"))
    cursor = read(path, budget_chars=7).next
    write(path, pdf("one"))
    with pytest.raises(UnreadableFile, match="changed while it was being read"):
        read(path, cursor)


@needs_seed
def test_a_report_of_307_pages_is_read_in_parts() -> None:
    whole = document_text(UBER)
    found = [segment for part in parts(UBER, 500_000) for segment in part.segments]
    assert [segment.page for segment in found] == list(range(1, 308))
    assert whole.count("\f") == 306
    assert all(whole[s.start : s.start + len(s.text)] == s.text for s in found)
    assert next(segment.page for segment in found if "17,455" in segment.text) == 53
    assert not {"\r", "\ufffe", "\x02"} & set(whole)
    assert "forward-looking statements" in whole.replace("-\n", "-")
