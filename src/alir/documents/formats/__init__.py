"""Documents to text: one module per format, and the choice among them.

A document's text is what `document_text` gives: for a text file exactly what `read_text` gives,
for a PDF its pages joined by form feeds. Every offset alir stores counts in that text.
"""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

from alir.documents.formats import csv, docx, html, json, office, pdf, signature, text
from alir.documents.formats.source import OpenDocument, opened
from alir.errors import UnreadableFile
from alir.models.file_kinds import kind
from alir.models.reading import Cursor, Reading

__all__ = ["document_text", "read"]

CHARS_PER_BYTE = 50
LEAST_CHARS = 4_000_000
"""Text that a document may make of each of its bytes, and whatever its size."""


def read(
    path: Path,
    at: Cursor | None = None,
    *,
    budget_chars: int = 500_000,
    descriptor: int | None = None,
) -> Reading:
    """Return the next part of the document at `path`, about `budget_chars` characters at most.

    A page of a PDF and a row of a table are never cut for the budget. Segments that are only white
    space are left out. Blocks; call it from a worker thread.

    Args:
        descriptor: open on the document, which is then not opened by its name.

    Raises: UnreadableFile.
    """
    position = at
    while True:
        reading = _part(path, position, max(budget_chars, 1), descriptor)
        segments = [segment for segment in reading.segments if not segment.text.isspace()]
        if segments or reading.next is None:
            break
        position = reading.next
    if not segments and at is None:
        raise UnreadableFile(path, "holds no text; leave it out")
    return Reading(segments, reading.next)


def document_text(path: Path) -> str:
    """Return the whole text of the document at `path`; quotes are its `text[start:end]`.

    Raises: UnreadableFile.
    """
    reading = _part(path, None, sys.maxsize)
    if all(segment.text.isspace() for segment in reading.segments):
        raise UnreadableFile(path, "holds no text; leave it out")
    parts: list[str] = []
    chars = 0
    for segment in reading.segments:
        # Only a PDF has gaps: the form feeds between its pages.
        parts += ("\f" * (segment.start - chars), segment.text)
        chars = segment.start + len(segment.text)
    return "".join(parts)


_Reader = Callable[[OpenDocument, Cursor | None, int], Reading]
_BY_KIND: dict[str | None, _Reader] = {"html": html.read, "csv": csv.read, "json": json.read}


def _part(
    path: Path, at: Cursor | None, budget_chars: int, descriptor: int | None = None
) -> Reading:
    """Return the next part with its blank segments; the parts together are the whole text."""
    with opened(path, descriptor) as source:
        reading = _read(source, _reader(source), at, budget_chars)
        _check_proportion(source, reading)
        return reading


def _read(source: OpenDocument, reader: _Reader, at: Cursor | None, budget_chars: int) -> Reading:
    try:
        return reader(source, at, budget_chars)
    except (UnreadableFile, MemoryError):
        raise
    except Exception as exc:
        # The parsers of these formats promise no set of exceptions, and a damaged file must
        # not stop its siblings. An error in our own plain-text readers is ours and goes on;
        # so does a disk's, but a seek to a nonsensical position is the file's own.
        disk = isinstance(exc, OSError) and exc.errno != errno.EINVAL
        if disk or reader not in (pdf.read, docx.read, html.read):
            raise
        detail = " ".join(f"{type(exc).__name__}: {exc}".split())[:200]
        raise source.refuse(f"cannot be parsed and may be damaged ({detail})") from exc


def _check_proportion(source: OpenDocument, reading: Reading) -> None:
    """Raise `UnreadableFile` for a small file that makes a flood of text."""
    chars = max((one.start + len(one.text) for one in reading.segments[-1:]), default=0)
    most = max(LEAST_CHARS, CHARS_PER_BYTE * source.size_bytes)
    if chars > most:
        raise source.refuse(
            f"makes more than {most:,} characters of text, the most that alir reads of a file of "
            f"{source.size_bytes:,} bytes; leave it out"
        )


def _reader(source: OpenDocument) -> _Reader:
    """Return the reader of the format, by the content if that is clear, else by the name.

    Raises: UnreadableFile for what no reader reads.
    """
    head, suffix = source.head, source.suffix
    # A PDF may have up to 1,024 bytes before its header (ISO 32000-1, Annex H).
    if head.startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return pdf.read
    if head.startswith(office.ZIP):
        return docx.read
    if head.startswith(office.OLE):
        raise source.refuse(office.ole_reason(source))
    if what := signature.name(head):
        raise source.refuse(f"is binary ({what}), not a document alir reads")
    if head.startswith(b"{\\rtf"):
        raise source.refuse("is an RTF file; save it as .docx and ingest again")
    by_name = kind(source.path)
    if by_name in ("pdf", "docx"):
        raise source.refuse(f"is named {suffix} but holds {signature.guess(head)}")
    if suffix in (".jsonl", ".ndjson"):
        return text.read
    if by_name == "unknown" and signature.is_html(head):
        return html.read
    return _BY_KIND.get(by_name, text.read)
