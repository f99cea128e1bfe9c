"""Place: find the offsets of chunks in their text, also where the text repeats itself."""

from collections.abc import Sequence


def place(chunks: Sequence[str], text: str) -> list[int] | None:
    """Return the offset of each of `chunks`, in order; None if they are not `text`, cut up.

    Neighbours may overlap, and white space between them may be missing. Where the text repeats
    itself, a chunk gets the last offset that leaves no letter between it and the one before, and
    room for those after it.
    """
    latest: list[int] = []
    at = len(text)
    for chunk in reversed(chunks):
        at = text.rfind(chunk, 0, at - 1 + len(chunk))
        if at < 0:
            return None
        latest.append(at)
    places: list[int] = []
    at, end = -1, 0
    for chunk, last in zip(chunks, reversed(latest), strict=True):
        while end < last and text[end].isspace():
            end += 1
        at = text.rfind(chunk, at + 1, min(end, last) + len(chunk))
        if at < 0:
            return None
        places.append(at)
        end = at + len(chunk)
    return places
