"""CSV and TSV: each row becomes a line "header: value; header: value"."""

import csv
import io
import sys
from collections.abc import Iterator
from itertools import islice

from alir.documents.formats import blocks
from alir.documents.formats.encoding import RESTARTABLE_NOWHERE
from alir.documents.formats.source import OpenDocument
from alir.documents.formats.stream import TextStream, beginning
from alir.models.reading import Cursor, Reading

_DELIMITERS = ",;\t|"
_SAMPLE_CHARS = 16_384
_SAMPLE_ROWS = 50
_NAME_CHARS = 80
"""Longest name of a column before a value: it stands there in each row."""


def read(source: OpenDocument, at: Cursor | None, budget_chars: int) -> Reading:
    """Return the next rows, at most `budget_chars` but at least one; the first is the header.

    An empty cell is left out, and a line end within one becomes a space. Names of columns that are
    shortened in the rows stand in full before the first.
    """
    encoding = (at or beginning(source)).encoding
    if encoding in RESTARTABLE_NOWHERE:
        budget_chars = sys.maxsize
    # From the very beginning, also for a later part: the header stands there.
    stream = TextStream(source, Cursor(position=0, chars=0, encoding=encoding))
    stream.fill(_SAMPLE_CHARS)
    stream.buffer = stream.buffer.removeprefix("\ufeff")
    tabs = source.suffix in {".tsv", ".tab"}
    delimiter = "\t" if tabs else _delimiter(stream.buffer[:_SAMPLE_CHARS])
    rows = _Rows(source, stream, delimiter)
    header = [" ".join(name.split()) for name in next(iter(rows), [])]
    if at:
        rows = _Rows(source, TextStream(source, at), delimiter)
    start = at.chars if at else 0
    lines: list[str] = []
    names = [_shortened(name) for name in header]
    if names != header and not at:
        lines.append("; ".join(header) + "\n")
        budget_chars -= len(lines[0])
    for row in rows:
        line = _line(names, row) + "\n"
        if lines and len(line) > budget_chars:
            text = "".join(lines)
            return Reading([*blocks.segments(text, start)], rows.put_back(start + len(text)))
        lines.append(line)
        budget_chars -= len(line)
    if not lines and at is None:
        lines = ["; ".join(header)]
    return Reading([*blocks.segments("".join(lines), start)], None)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 1]}…"


def _line(header: list[str], row: list[str]) -> str:
    cells = []
    for column, value in enumerate(row):
        if value := " ".join(value.split()):
            name = header[column] if column < len(header) else ""
            cells.append(f"{name or f'column {column + 1}'}: {value}")
    return "; ".join(cells)


def _delimiter(sample: str) -> str:
    """Return the delimiter by which most rows are as wide as the first; a comma for one column."""
    best, best_score = ",", (0.0, 1)
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(sample), delimiter=delimiter)
        widths = [len(row) for row in islice(reader, _SAMPLE_ROWS) if row]
        if widths and widths[0] > 1:
            score = (widths.count(widths[0]) / len(widths), widths[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


class _Rows:
    """The rows of a stream without blank ones; a row can be put back."""

    def __init__(self, source: OpenDocument, stream: TextStream, delimiter: str) -> None:
        self._source = source
        self._stream = stream
        self._block = io.StringIO()
        self._row_lines: list[str] = []
        self._reader = csv.reader(self._lines(), delimiter=delimiter)

    def __iter__(self) -> Iterator[list[str]]:
        try:
            for row in self._reader:
                if any(cell.strip() for cell in row):
                    yield row
                self._row_lines.clear()
        except csv.Error as exc:
            raise self._source.refuse(
                f"is not valid CSV ({exc}); look for a quote that is never closed"
            ) from exc

    def put_back(self, chars: int) -> Cursor | None:
        """Return the cursor of the last row; `chars` are the document's before it."""
        self._stream.buffer = "".join((*self._row_lines, self._block.read(), self._stream.buffer))
        return self._stream.cursor(chars)

    def _lines(self) -> Iterator[str]:
        while line := self._line():
            self._row_lines.append(line)
            yield line

    def _line(self) -> str:
        parts = []
        while True:
            parts.append(self._block.readline())
            if parts[-1].endswith("\n"):
                break
            self._stream.fill(blocks.BLOCK_CHARS)
            block = self._stream.take(blocks.BLOCK_CHARS)
            if not block:
                break
            self._block = io.StringIO(block)
        return "".join(parts)
