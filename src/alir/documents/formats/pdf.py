"""PDF: one segment a page, joined by form feeds."""

import re
import threading
from contextlib import closing

import pypdfium2 as pdfium
from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

from alir.documents.formats.source import OpenDocument
from alir.models.reading import Cursor, Reading, Segment

# pdfium keeps state of its own beside the document and may be used by one thread at a time.
_ONE_THREAD = threading.Lock()

_DAMAGED = "is a damaged or truncated PDF; get a whole one"
_REFUSALS = {
    FPDF_ERR_PASSWORD: "is password-protected; remove the password and ingest again",
    FPDF_ERR_SECURITY: "is encrypted in a way alir cannot open; save it without encryption",
}
_LINE_END = re.compile(r"\r\n?")
# U+FFFE and U+0002 are pdfium's marks for a hyphen that ends a line.
_HYPHEN = re.compile("[\ufffe\x02]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\uffff]")


def read(source: OpenDocument, at: Cursor | None, budget_chars: int) -> Reading:
    """Return the next pages, at most `budget_chars` but at least one, without empty ones."""
    with _ONE_THREAD:
        try:
            with closing(pdfium.PdfDocument(source.file)) as document:
                return _pages(source, document, at, budget_chars)
        except pdfium.PdfiumError as exc:
            raise source.refuse(_REFUSALS.get(exc.err_code, _DAMAGED)) from exc


def _pages(
    source: OpenDocument, document: pdfium.PdfDocument, at: Cursor | None, budget_chars: int
) -> Reading:
    first, start = (at.position, at.chars) if at else (0, 0)
    count = len(document)
    if first >= count:
        raise source.refuse("changed while it was being read; ingest it again")
    segments: list[Segment] = []
    for index in range(first, count):
        text = _page_text(source, document, index)
        if not text:
            start += 1
            continue
        if segments and len(text) > budget_chars:
            return Reading(segments, Cursor(index, start))
        segments.append(Segment(text, start, page=index + 1))
        budget_chars -= len(text)
        start += len(text) + 1
    if not segments and at is None:
        raise source.refuse("holds no text (a scanned PDF?); run OCR first")
    return Reading(segments, None)


def _page_text(source: OpenDocument, document: pdfium.PdfDocument, index: int) -> str:
    """Return the page's text; "" if it is only white space."""
    try:
        with closing(document[index]) as page, closing(page.get_textpage()) as letters:
            text = letters.get_text_range()
    except pdfium.PdfiumError as exc:
        raise source.refuse(f"is a damaged PDF: page {index + 1} cannot be read") from exc
    text = _CONTROL.sub("", _HYPHEN.sub("-", _LINE_END.sub("\n", text)))
    return "" if text.isspace() else text
