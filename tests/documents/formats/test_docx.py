"""DOCX: everything a reader sees, in document order."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml

from alir.documents.formats import document_text, read
from alir.documents.formats.blocks import BLOCK_CHARS
from alir.errors import UnreadableFile

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
DOCUMENT = "word/document.xml"


def saved(build: Callable[[docx.document.Document], object] = lambda _: None) -> bytes:
    document = docx.Document()
    build(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def with_body(xml: str) -> bytes:
    """A DOCX whose body holds `xml`."""

    def build(document: docx.document.Document) -> None:
        for element in parse_xml(f"<w:body {W}>{xml}</w:body>"):
            document.element.body.insert(len(document.element.body) - 1, element)

    return saved(build)


def repacked(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive with every member's content changed; None drops it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if (changed := change(name, old.read(name))) is not None:
                new.writestr(name, changed, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def text_of(tmp_path: Path, content: bytes, name: str = "a.docx") -> str:
    path = tmp_path / name
    path.write_bytes(content)
    return document_text(path)


def test_paragraphs_and_tables_come_in_document_order(tmp_path: Path) -> None:
    def build(document: docx.document.Document) -> None:
        document.add_heading("Prices", 1)
        document.add_paragraph("Before\tthe table.")
        table = document.add_table(2, 3)
        rows = [("Item", "Price", "Note"), ("Tea", "2 €", "a\nb")]
        for row, values in zip(table.rows, rows, strict=True):
            for cell, value in zip(row.cells, values, strict=True):
                cell.text = value
        document.add_paragraph("")
        document.add_paragraph("After it.")

    assert text_of(tmp_path, saved(build)).split("\n") == [
        "Prices",
        "Before\tthe table.",
        "Item | Price | Note",
        "Tea | 2 € | a b",
        "After it.",
    ]


def test_tracked_insertions_are_read_and_deletions_are_not(tmp_path: Path) -> None:
    content = with_body(
        "<w:p><w:r><w:t xml:space='preserve'>The price is </w:t></w:r>"
        "<w:del><w:r><w:delText>10</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>12</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t> moved</w:t></w:r></w:moveFrom>"
        "<w:r><w:noBreakHyphen/><w:t>euro</w:t><w:br/><w:t>each</w:t></w:r></w:p>"
    )
    assert text_of(tmp_path, content) == "The price is 12-euro\neach"


def test_content_controls_links_and_nested_tables_are_read(tmp_path: Path) -> None:
    cell = "<w:tc><w:p><w:r><w:t>%s</w:t></w:r></w:p>%s</w:tc>"
    inner = f"<w:tbl><w:tr>{cell % ('x', '')}{cell % ('y', '')}</w:tr></w:tbl>"
    content = with_body(
        "<w:sdt><w:sdtPr/><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent>"
        "</w:sdt><w:p><w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink></w:p>"
        f"<w:tbl><w:tr>{cell % ('a', inner)}<w:sdt><w:sdtContent>{cell % ('b', '')}</w:sdtContent>"
        "</w:sdt></w:tr></w:tbl>"
    )
    assert text_of(tmp_path, content).split("\n") == ["controlled", "linked", "a x | y | b"]


def test_a_text_box_is_read_once(tmp_path: Path) -> None:
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    content = with_body(
        f"<w:p><w:r><w:t>outside</w:t><mc:AlternateContent {mc}><mc:Choice Requires='wps'>{box}"
        f"</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert text_of(tmp_path, content).split() == ["outside", "boxed"]


def test_footnotes_follow_the_body(tmp_path: Path) -> None:
    relationship = (
        b'<Relationship Id="rId99" Target="footnotes.xml" Type="http://schemas.openxmlformats.org/'
        b'officeDocument/2006/relationships/footnotes"/></Relationships>'
    )
    changed = repacked(
        with_body("<w:p><w:r><w:t>Body.</w:t></w:r></w:p>"),
        lambda name, content: (
            content.replace(b"</Relationships>", relationship)
            if name == "word/_rels/document.xml.rels"
            else content
        ),
    )
    file = io.BytesIO(changed)
    with zipfile.ZipFile(file, "a") as archive:
        note = "<w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote>"
        archive.writestr("word/footnotes.xml", f"<w:footnotes {W}>{note}</w:footnotes>")
    assert text_of(tmp_path, file.getvalue()) == "Body.\nA note."


def test_a_strict_document_and_one_with_another_main_part_are_read(tmp_path: Path) -> None:
    transitional = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    content = saved(lambda document: document.add_paragraph("text"))
    strict = repacked(
        content,
        lambda _, xml: xml.replace(
            transitional, b"http://purl.oclc.org/ooxml/wordprocessingml/main"
        ),
    )
    assert text_of(tmp_path, strict) == "text"
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            xml = old.read(name).replace(b'"word/document.xml"', b'"/word/document2.xml"')
            new.writestr(name.replace("word/document.xml", "word/document2.xml"), xml)
    assert text_of(tmp_path, file.getvalue()) == "text"


def test_content_is_read_as_docx_whatever_the_name(tmp_path: Path) -> None:
    content = saved(lambda document: document.add_paragraph("text"))
    assert text_of(tmp_path, content, "a.bin") == "text"


def test_a_long_document_comes_in_bounded_segments(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(with_body("<w:p><w:r><w:t>some words in a row</w:t></w:r></w:p>" * 8_000))
    reading = read(path)
    assert len(reading.segments) == 3
    assert max(len(segment.text) for segment in reading.segments) <= BLOCK_CHARS
    assert "".join(segment.text for segment in reading.segments) == document_text(path)


def declaring(content: bytes, name: str, size_bytes: int) -> bytes:
    """The archive declaring another unpacked size for its member `name`."""
    changed = bytearray(content)
    entry = changed.index(b"PK\x01\x02")  # its entry in the central directory
    while changed[entry + 46 : entry + 46 + len(name)] != name.encode():
        entry = changed.index(b"PK\x01\x02", entry + 1)
    changed[entry + 24 : entry + 28] = size_bytes.to_bytes(4, "little")
    return bytes(changed)


def test_no_more_is_unpacked_than_the_archive_declares(tmp_path: Path) -> None:
    small = saved(lambda document: document.add_paragraph("text"))
    spaces = b" " * (50 << 20)
    large = repacked(small, lambda name, xml: xml + spaces if name == DOCUMENT else xml)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile, match="is a damaged or truncated DOCX"):
            text_of(tmp_path, declaring(large, DOCUMENT, 5_000))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2 << 20


def test_pictures_are_not_unpacked(tmp_path: Path) -> None:
    file = io.BytesIO(saved(lambda document: document.add_paragraph("text")))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/media/image1.bin", b"not what it declares")
    content = declaring(file.getvalue(), "word/media/image1.bin", 4_000_000_000)
    assert text_of(tmp_path, content) == "text"


def xml_attack(entities: str) -> bytes:
    """A DOCX whose document declares `entities` and shows the last of them, `x`."""

    def change(name: str, content: bytes) -> bytes:
        if name != DOCUMENT:
            return content
        start = content.index(b"<w:document")
        body = content[start:].replace(b"before", b"before &x; after")
        return b"<!DOCTYPE d [" + entities.encode() + b"]>" + body

    return repacked(saved(lambda document: document.add_paragraph("before")), change)


def test_a_document_with_an_external_entity_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    with pytest.raises(UnreadableFile, match="declares XML entities") as caught:
        text_of(tmp_path, xml_attack(f'<!ENTITY x SYSTEM "{secret.as_uri()}">'))
    assert "the secret" not in str(caught.value)


def test_a_document_with_a_billion_laughs_is_refused(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(UnreadableFile, match="is a damaged or truncated DOCX"):
        text_of(tmp_path, xml_attack(f'<!ENTITY e0 "lol">{levels}<!ENTITY x "&e9;">'))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (saved(), "holds no text"),
        (saved()[:-30], "is a damaged or truncated DOCX"),
        (saved()[:2_000], "is a damaged or truncated DOCX"),
        (
            repacked(saved(), lambda name, content: None if name == "_rels/.rels" else content),
            "is a damaged or truncated DOCX",
        ),
        (
            repacked(saved(), lambda name, content: content[:500] if name == DOCUMENT else content),
            "is a damaged or truncated DOCX",
        ),
        (
            repacked(saved(), lambda name, content: None if name == DOCUMENT else content),
            "is a damaged or truncated DOCX",
        ),
        (b"plain words", "is named .docx but holds plain text"),
        (declaring(saved(), DOCUMENT, 65 << 20), "unpacks to 65 MB of text; split it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_docx_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        text_of(tmp_path, content)
