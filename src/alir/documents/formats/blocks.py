"""Cut text into blocks of bounded size, if possible at a line end or a space."""

from collections.abc import Iterator

from alir.models.reading import Segment

BLOCK_CHARS = 65_536


def boundary(text: str, limit: int) -> int:
    """Return where to cut: after the last newline or space in `text[:limit]`, 0 if it has neither.

    `text` is longer than `limit`.
    """
    if newline := text.rfind("\n", 0, limit) + 1:
        return newline
    window = text[:limit]
    if window[-1].isspace() or text[limit].isspace():
        return limit
    last_word = window.rsplit(None, 1)[-1]
    return limit - len(last_word)


def segments(text: str, start: int = 0) -> Iterator[Segment]:
    """Yield `text` in blocks of at most BLOCK_CHARS."""
    position = 0
    while position < len(text):
        window = text[position : position + BLOCK_CHARS + 1]
        if len(window) > BLOCK_CHARS:
            window = window[: boundary(window, BLOCK_CHARS) or BLOCK_CHARS]
        yield Segment(window, start + position)
        position += len(window)


def storable(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 store accepts, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
