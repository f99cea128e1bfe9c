"""Find the encoding of a text, so that it is read exactly or refused."""

import codecs
import re
from typing import BinaryIO

from alir.documents.formats import legacy
from alir.documents.formats.source import OpenDocument

# UTF-32's mark begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")

# What a page that declares the first really is in (WHATWG Encoding Standard, 4.2). Nothing else
# may be declared: "zlib" and "unicode_escape" are codecs of Python's, too.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_AS_DECLARED = (
    "big5 big5hkscs cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp866 cp874 "
    "cp932 cp949 euc_jp gb18030 iso2022_jp iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 "
    "iso8859-7 iso8859-8 iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u"
)
_DECLARABLE = {name: name for name in _AS_DECLARED.split()} | _MEANT

# Every C0 control but those that text has: BEL BS TAB LF VT FF CR ESC.
_CONTROLS = bytes({*range(32), 127} - {7, 8, 9, 10, 11, 12, 13, 27})
_BLOCK_BYTES = 1024 * 1024

RESTARTABLE_NOWHERE = frozenset({"iso2022_jp"})
"""Encodings with a shift state: a byte offset is not enough to go on from there."""


def detect(source: OpenDocument, declared: str = "") -> tuple[str, int]:
    """Return the encoding and the length of its mark; `declared` is the document's own claim.

    Reads the file once or twice, in blocks, and leaves it anywhere. The whole file is decodable.

    Raises: UnreadableFile for what is not text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if source.head.startswith(mark):
            if (broken := _first_error(source.file, encoding, len(mark))) is not None:
                raise source.refuse(f"is damaged {encoding.upper()} text (at byte {broken})")
            return encoding, len(mark)
    if wide := _utf16_without_mark(source):
        return wide, 0
    _check_is_text(source)
    claimed = _declarable(declared)
    if (broken := _first_error(source.file, "utf-8")) is None:
        shifted = claimed == "iso2022_jp" or _ISO_2022_JP.search(source.head)
        return ("iso2022_jp", 0) if shifted and _decodes(source, "iso2022_jp") else ("utf-8", 0)
    if claimed and _decodes(source, claimed):
        return claimed, 0
    source.file.seek(0)
    sample = legacy.sample(source.file)
    if _mostly_utf8(sample):
        raise source.refuse(
            f"is UTF-8 text with a damaged character at byte {broken}; repair it and ingest again"
        )
    for encoding in legacy.guesses(sample):
        if _decodes(source, encoding):
            return encoding, 0
    raise source.refuse("is in no text encoding alir recognises; save it as UTF-8")


def _check_is_text(source: OpenDocument) -> None:
    controls = size = 0
    source.file.seek(0)
    while block := source.file.read(_BLOCK_BYTES):
        if (nul := block.find(0)) >= 0:
            where = "" if size + nul < len(source.head) else f" (a NUL at byte {size + nul})"
            raise source.refuse(f"is binary{where}, not a document alir reads")
        controls += len(block) - len(block.translate(None, _CONTROLS))
        size += len(block)
    if controls > size / 20:
        raise source.refuse("is binary, not a document alir reads")


def _utf16_without_mark(source: OpenDocument) -> str | None:
    """Recognise UTF-16 of a Latin script: every second byte is NUL, the others printable."""
    for encoding, nuls, letters in (
        ("utf-16-le", source.head[1::2], source.head[::2]),
        ("utf-16-be", source.head[::2], source.head[1::2]),
    ):
        printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in letters)
        if nuls.count(0) > len(nuls) * 0.7 and printable > len(letters) * 0.9:
            return encoding if _decodes(source, encoding) else None
    return None


def _declarable(declared: str) -> str | None:
    try:
        return _DECLARABLE.get(codecs.lookup(declared).name)
    except (LookupError, ValueError):
        return None


def _decodes(source: OpenDocument, encoding: str) -> bool:
    return _first_error(source.file, encoding) is None


def _first_error(file: BinaryIO, encoding: str, position: int = 0) -> int | None:
    """Return the offset of the first byte that is not `encoding`; None if all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(position)
    while True:
        block = file.read(_BLOCK_BYTES)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as exc:
            return position - pending + exc.start
        if not block:
            return None
        position += len(block)


def _mostly_utf8(sample: bytes) -> bool:
    """Return whether half of what is not ASCII is valid UTF-8: then it is no other encoding."""
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return sum(not char.isascii() for char in text) - wrong >= wrong
