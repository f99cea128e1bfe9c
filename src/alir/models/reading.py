"""The result of a reader: a part of a document, and where the next part begins."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next part of a document begins, for a file too large to read at once."""

    position: int
    """The format's own position: a byte offset for text, a page index for PDF."""
    chars: int
    """Characters of the document before this position."""
    encoding: str = ""
    """The text encoding found on the first part."""
    carry: str = ""
    """Text that was read but belongs to the next part, so that no word is cut."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a document's text: a page of a PDF, a block of anything else."""

    text: str
    start: int
    """Character offset of `text` in the document; pages are joined by a form feed."""
    page: int | None = None
    """Page number, from 1, where the format has pages."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One part of a document: its segments in order, and where the next part begins."""

    segments: list[Segment]
    next: Cursor | None
    """None at the document's end."""
