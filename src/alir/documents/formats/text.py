"""Plain text, Markdown and source code: the text itself, in blocks."""

import sys

from alir.documents.formats.blocks import BLOCK_CHARS, boundary
from alir.documents.formats.encoding import RESTARTABLE_NOWHERE
from alir.documents.formats.source import OpenDocument
from alir.documents.formats.stream import TextStream, beginning
from alir.models.reading import Cursor, Reading, Segment


def read(source: OpenDocument, at: Cursor | None, budget_chars: int) -> Reading:
    """Return the next blocks of the text, at most `budget_chars` in all."""
    at = at or beginning(source)
    stream = TextStream(source, at)
    left = sys.maxsize if at.encoding in RESTARTABLE_NOWHERE else budget_chars
    chars = at.chars
    segments: list[Segment] = []
    while left > 0:
        limit = min(left, BLOCK_CHARS)
        stream.fill(limit)
        size = len(stream.buffer)
        if size > limit:
            if segments and limit < BLOCK_CHARS:
                break  # rather a smaller part than a small block
            size = boundary(stream.buffer, limit) or limit
        block = stream.take(size)
        if not block:
            break
        segments.append(Segment(block, chars))
        chars += len(block)
        left -= len(block)
    return Reading(segments, stream.cursor(chars))
