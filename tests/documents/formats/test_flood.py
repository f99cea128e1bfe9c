"""Small files that want to become a flood of text: they make little of it, or are refused.

What each format repeats by itself (a header, an indentation, a part, a page) is tested, too.
"""

import gzip
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from alir.documents.formats import CHARS_PER_BYTE, LEAST_CHARS, document_text, read
from alir.errors import UnreadableFile
from alir.models.reading import Cursor

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PARAGRAPH = "<w:p><w:t>{}</w:t></w:p>"
Make = Callable[[Path], object]


def docx(path: Path, body: str, *, references: int = 0, notes: str = "") -> None:
    main = '<Relationship Type="/officeDocument" Target="word/document.xml"/>'
    note = '<Relationship Type="/footnotes" Target="footnotes.xml"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", f"<Relationships>{main}</Relationships>")
        archive.writestr("word/document.xml", f'<w:d xmlns:w="{WORD}">{body}</w:d>')
        relations = f"<Relationships>{note * references}</Relationships>"
        archive.writestr("word/_rels/document.xml.rels", relations)
        archive.writestr("word/footnotes.xml", f'<w:d xmlns:w="{WORD}">{notes}</w:d>')


def pdf(path: Path, pages: int) -> None:
    """One page, which is named many times."""
    shown = b"BT /F1 9 Tf 9 9 Td (%s)Tj ET" % (b"words " * 2_000)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b"3 0 R " * pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(shown), shown),
        b"<</Type/Font/Subtype/Type1/BaseFont/Times>>",
    ]
    body = b"".join(b"%d 0 obj%s endobj\n" % one for one in enumerate(objects, 1))
    path.write_bytes(b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R/Size 6>>\nstartxref\n0\n%%EOF\n")


def office(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "<a>" + "words " * 5_000_000 + "</a>")


NAMES = ",".join("n" * 100_000 for _ in range(5))
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
FLOODS: dict[str, Make] = {
    "header.csv": lambda path: path.write_text(NAMES + "\n" + "1,2,3,4,5\n" * 2_000),
    "columns.tsv": lambda path: path.write_text(
        "\t".join("a name of a column that is rather long" for _ in range(9_000))
        + ("\n" + "1\t" * 9_000) * 20
    ),
    "nested.json": lambda path: path.write_text("[" * 900 + "1," * 20_000 + "1" + "]" * 900),
    "strings.json": lambda path: path.write_text(json.dumps(["\0\ud800\u00e9" * 9_000])),
    "lists.html": lambda path: path.write_text("<ul><li>" * 150 + "<li>x" * 20_000),
    "lines.html": lambda path: path.write_text("<ol><li>" * 90 + "<pre>" + "x\n" * 40_000),
    "cells.html": lambda path: path.write_text("<table><tr>" + "<td>" * 60_000),
    "entities.html": lambda path: path.write_text(
        f'<!DOCTYPE html [<!ENTITY e0 "lol">{ENTITIES}]><p>&e8;'
    ),
    "entities.xml": lambda path: path.write_text(
        f'<!DOCTYPE x [<!ENTITY e0 "lol">{ENTITIES}]><x>&e8;</x>'
    ),
    "packed.docx": lambda path: docx(path, PARAGRAPH.format("words " * 100) * 60_000),
    "notes.docx": lambda path: docx(
        path, PARAGRAPH.format("a"), references=2_000, notes=PARAGRAPH.format("words ") * 3_000
    ),
    "pages.pdf": lambda path: pdf(path, 3_000),
    "book.xlsx": lambda path: office(path, "xl/workbook.xml"),
    "slides.pptx": lambda path: office(path, "ppt/presentation.xml"),
    "old.doc": lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"w" * 9_000),
    "text.txt": lambda path: path.write_bytes(gzip.compress(b"words " * 5_000_000)),
    "wide.txt": lambda path: path.write_bytes("\ufdfa".encode("utf-16") * 20_000),
    "line.md": lambda path: path.write_text("# " * 200_000),
    "mail.eml": lambda path: path.write_text("Subject: " + "=?utf-8?q?a?= " * 30_000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_small_file_makes_little_text_or_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    FLOODS[name](path)
    size = path.stat().st_size
    assert size < 1_000_000
    chars = 0
    at: Cursor | None = None
    with suppress(UnreadableFile):
        while True:
            reading = read(path, at)
            chars = max(one.start + len(one.text) for one in reading.segments)
            if (at := reading.next) is None:
                break
    assert chars <= max(LEAST_CHARS, CHARS_PER_BYTE * size)
    print(f"{name}: {size:,} bytes, {chars:,} characters")


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableFile) as refused:
        document_text(path)
    return refused.value.reason


@pytest.mark.parametrize("name", ["packed.docx", "pages.pdf"])
def test_what_no_reader_can_foresee_is_refused_with_both_numbers(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    FLOODS[name](path)
    size = path.stat().st_size
    most = max(LEAST_CHARS, CHARS_PER_BYTE * size)

    assert refusal(path) == (
        f"makes more than {most:,} characters of text, the most that alir reads of a file of "
        f"{size:,} bytes; leave it out"
    )


def test_a_long_name_of_a_column_stands_in_full_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "How often did you see it? " * 10
    path.write_text(f"{long},b\n" + "1,2\n" * 100)

    text = document_text(path)

    lines = text.splitlines()
    assert lines[0] == f"{long.strip()}; b"
    assert lines[1:] == [f"{long[:79]}…: 1; b: 2"] * 100
    pieces, at = "", None
    while True:
        reading = read(path, at, budget_chars=1_000)
        pieces += "".join(segment.text for segment in reading.segments)
        if (at := reading.next) is None:
            break
    assert pieces == text


def test_lists_are_indented_so_far_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" * 50 + '"\\n" ' + "]" * 50)
    lines = document_text(path).splitlines()
    assert [len(line) - len(line.lstrip()) for line in lines[:51]] == [*range(41), *[40] * 10]
    assert json.loads("\n".join(lines)) == json.loads(path.read_text())

    page = tmp_path / "a.html"
    page.write_text("<ul><li>" * 30 + "deep")
    [line] = [line for line in document_text(page).splitlines() if "deep" in line]
    assert line.startswith(" " * 39)
    assert len(line) < 50


def test_notes_that_are_referred_to_twice_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    docx(path, PARAGRAPH.format("body"), references=3, notes=PARAGRAPH.format("note"))

    assert document_text(path) == "body\nnote"
