"""How large a JSON text is to a parser, found without parsing it."""

PIECE_BYTES = 256 * 1024
"""Looked at in one go, so that other threads get Python's lock in between."""


def is_larger(content: bytes, limit: int) -> bool:
    """Return whether a JSON text has more strings, commas, colons and brackets than `limit`.

    Their number bounds the values that a parser makes of it, and it makes them with Python's lock
    held. The length of the text does not: a string of megabytes is one value.
    """
    quotes = marks = 0
    rest = b""
    for start in range(0, len(content), PIECE_BYTES):
        piece = (rest + content[start : start + PIECE_BYTES]).replace(rb"\\", b"")
        rest = b"\\" if piece.endswith(b"\\") else b""  # what it escapes is in the next piece
        parts = piece.removesuffix(rest).replace(rb"\"", b"").split(b'"')
        outside = b"".join(parts[quotes % 2 :: 2])
        quotes += len(parts) - 1
        marks += sum(map(outside.count, (b",", b":", b"[", b"{")))
        if quotes // 2 + marks > limit:
            return True
    return False
