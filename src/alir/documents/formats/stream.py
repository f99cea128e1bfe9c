"""The text of a file, decoded piece by piece from any position on.

It equals what `read_text` gives: no byte order mark, and every line end is one line feed.
"""

import codecs

from alir.documents.formats import encoding
from alir.documents.formats.source import WHOLE_BYTES, OpenDocument
from alir.models.reading import Cursor

_READ_BYTES = 65_536


class TextStream:
    """Decodes ahead into `buffer`; the caller takes from its front."""

    def __init__(self, source: OpenDocument, at: Cursor) -> None:
        if at.position > source.size_bytes:
            raise source.refuse("changed while it was being read; ingest it again")
        self._source = source
        self._decoder = codecs.getincrementaldecoder(at.encoding)()
        self._encoding = at.encoding
        self._ended = False
        source.file.seek(at.position)
        self.buffer = at.carry

    def fill(self, chars: int) -> None:
        """Decode until `buffer` is longer than `chars`, or to the end."""
        while len(self.buffer) <= chars and not self._ended:
            block = self._source.file.read(_READ_BYTES)
            self._ended = not block
            try:
                self.buffer += self._decoder.decode(block, final=self._ended)
            except UnicodeDecodeError as exc:
                # The whole file was decodable when its encoding was found.
                raise self._source.refuse("changed while it was being read") from exc
            self._join_line_ends()

    def take(self, chars: int) -> str:
        """Remove the first `chars` of the buffer; after `fill(chars)`, never half a line end."""
        taken, self.buffer = self.buffer[:chars], self.buffer[chars:]
        return taken

    def cursor(self, chars: int) -> Cursor | None:
        """Return the cursor to go on from, after `chars` of the document; None at its end."""
        self.fill(0)
        if not self.buffer:
            return None
        undecoded = len(self._decoder.getstate()[0])
        position = self._source.file.tell() - undecoded
        return Cursor(position, chars, self._encoding, carry=self.buffer)

    def _join_line_ends(self) -> None:
        if "\r" not in self.buffer:
            return
        # A carriage return at the very end may have its line feed in the next block.
        half = "\r" if self.buffer.endswith("\r") and not self._ended else ""
        text = self.buffer.removesuffix(half)
        self.buffer = text.replace("\r\n", "\n").replace("\r", "\n") + half


def beginning(source: OpenDocument, declared: str = "") -> Cursor:
    """Return the first position of a text, in the encoding found."""
    name, mark_bytes = encoding.detect(source, declared)
    return Cursor(position=mark_bytes, chars=0, encoding=name)


def whole(source: OpenDocument, what: str, declared: str = "") -> str:
    """Return all of the text, for a format that must be parsed whole; errors name it `what`."""
    if source.size_bytes > WHOLE_BYTES:
        raise source.refuse(
            f"is {source.size_bytes >> 20} MB, more than the {WHOLE_BYTES >> 20} MB alir reads of "
            f"{what}; split it and ingest the parts"
        )
    stream = TextStream(source, beginning(source, declared))
    pieces: list[str] = []
    while True:
        stream.fill(_READ_BYTES)
        if not stream.buffer:
            return "".join(pieces)
        pieces.append(stream.take(_READ_BYTES))
