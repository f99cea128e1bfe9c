"""Place: find where chunks stand in their text, also where the text repeats itself.

A parser of nodes gives texts, which need not stand in the document as they are: LlamaIndex's drops
commas and full stops where many follow one another. What is cited must stand there, to the
character. So a chunk is a stretch of the document, and its text is the document's.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from alir.models.answers import Span

MAX_CHUNK_CHARS = 16_000
"""A longer chunk is cut: white space, or a word without end, may count as few tokens. A row of
Milvus holds so many characters of any script."""
_LEFT_OUT = frozenset(",.;。？！")
"""What LlamaIndex's splitters leave out, beside white space."""


def place(chunks: Sequence[str], text: str) -> list[Span]:
    """Return where each of `chunks`, in order, stands in `text`.

    Neighbours may overlap, and white space between them may be missing. Where the text repeats
    itself, a chunk gets the last place that leaves no letter between it and the one before, and
    room for those after it.

    Chunks that do not stand there as they are get the place of their letters, and those whose
    letters do not either share what lies between their neighbours. So there may be fewer or more
    places than chunks. None is longer than `MAX_CHUNK_CHARS`.
    """
    starts = _starts(chunks, text, apart=1)
    if starts is None:
        spans = _by_letters(chunks, text)
    else:
        spans = [Span(at, at + len(one)) for at, one in zip(starts, chunks, strict=True)]
    return [piece for span in spans for piece in _cut(text, span, MAX_CHUNK_CHARS)]


def _starts(chunks: Sequence[str], text: str, *, apart: int) -> list[int] | None:
    """Return the offset of each of `chunks`; None if they are not `text`, cut up.

    Args:
        apart: the least distance between two.
    """
    # `rfind` takes the product of both lengths where `find` takes their sum.
    backwards, size = text[::-1], len(text)

    def last(chunk: str, start: int, end: int) -> int:
        found = backwards.find(chunk[::-1], max(size - end, 0), size - start)
        return found if found < 0 else size - found - len(chunk)

    latest: list[int] = []
    at = size
    for chunk in reversed(chunks):
        at = last(chunk, 0, at - apart + len(chunk))
        if at < 0:
            return None
        latest.append(at)
    places: list[int] = []
    at, end = -apart, 0
    for chunk, limit in zip(chunks, reversed(latest), strict=True):
        while end < limit and text[end].isspace():
            end += 1
        at = last(chunk, at + apart, min(end, limit) + len(chunk))
        if at < 0:
            return None
        places.append(at)
        end = max(end, at + len(chunk))
    return places


def _by_letters(chunks: Sequence[str], text: str) -> list[Span]:
    """Return where chunks stand of which only the letters are looked at."""
    kept = [at for at, letter in enumerate(text) if not _is_left_out(letter)]
    letters = _letters(text)
    sought = [(chunk, _letters(chunk)) for chunk in chunks]
    sought = [(chunk, own) for chunk, own in sought if own]
    starts: Sequence[int | None] | None = _starts([own for _, own in sought], letters, apart=0)
    if starts is None:
        starts = _in_order([own for _, own in sought], letters)
    found: list[Span | None] = [
        None if at is None else _with_ends(chunk, text, kept[at], kept[at + len(own) - 1] + 1)
        for (chunk, own), at in zip(sought, starts, strict=True)
    ]
    places = sorted(_filled(found, text), key=lambda span: (span.start, span.end))
    return [*dict.fromkeys(places)]


def _in_order(chunks: Sequence[str], text: str) -> list[int | None]:
    """Return the first place of each behind that of the one before; None if there is none."""
    places: list[int | None] = []
    behind = 0
    for chunk in chunks:
        at = text.find(chunk, behind)
        places.append(None if at < 0 else at)
        behind = max(at, behind)
    return places


def _with_ends(chunk: str, text: str, start: int, end: int) -> Span:
    """Take what else of `chunk` stands around its letters: "So." has a full stop."""
    first = next(at for at, letter in enumerate(chunk) if not _is_left_out(letter))
    last = next(at for at in range(len(chunk), 0, -1) if not _is_left_out(chunk[at - 1]))
    while first and start and text[start - 1] == chunk[first - 1]:
        first, start = first - 1, start - 1
    while last < len(chunk) and text[end : end + 1] == chunk[last]:
        last, end = last + 1, end + 1
    return Span(start, end)


def _filled(found: Sequence[Span | None], text: str) -> Iterator[Span]:
    """Yield the places, and for a run without any pieces of the text between its neighbours."""
    end = 0
    runs = [(is_missing, [*run]) for is_missing, run in groupby(found, lambda one: one is None)]
    for number, (is_missing, run) in enumerate(runs):
        if not is_missing:
            spans = [span for span in run if span is not None]
            end = max(end, *(span.end for span in spans))
            yield from spans
            continue
        following = runs[number + 1][1][0] if number + 1 < len(runs) else None
        limit = len(text) if following is None else following.start
        if end < limit:
            yield from _cut(text, Span(end, limit), -(-(limit - end) // len(run)))


def _cut(text: str, span: Span, size: int) -> Iterator[Span]:
    """Yield pieces of at most `size` characters, between words where that is possible."""
    start = span.start
    while span.end - start > size:
        piece = text[start : start + size]
        words = piece.rsplit(None, 1)
        is_between = len(words) > 1 and len(words[0]) > size // 2 and not piece[-1].isspace()
        end = start + (piece.rindex(words[1]) if is_between else size)
        yield from _stripped(text, start, end)
        start = end
    if start == span.start:
        yield span
    else:
        yield from _stripped(text, start, span.end)


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if right > left:
        yield Span(left, right)


def _letters(text: str) -> str:
    return "".join(letter for letter in text if not _is_left_out(letter))


def _is_left_out(letter: str) -> bool:
    return letter in _LEFT_OUT or letter.isspace()
