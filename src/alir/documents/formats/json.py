"""JSON: parsed, then written out readably. JSON Lines are text already, one object a line."""

import json
import re

from alir.documents.formats import blocks, stream
from alir.documents.formats.source import OpenDocument
from alir.models.reading import Cursor, Reading

_ENCODER = json.JSONEncoder(indent=1, ensure_ascii=False)
_MAX_INDENT = 40
# A line end in a string is written as an escape.
_TOO_DEEP = re.compile(rf"\n {{{_MAX_INDENT + 1},}}")


def read(source: OpenDocument, _at: Cursor | None, _budget_chars: int) -> Reading:
    """Return the value, indented by one space a level, in blocks.

    Below so many levels it is indented no further: else a value in a thousand lists has a thousand
    spaces before it.
    """
    text = stream.whole(source, "a JSON file")
    try:
        indent = "\n" + " " * _MAX_INDENT
        pieces = _ENCODER.iterencode(json.loads(text))
        readable = "".join(_TOO_DEEP.sub(indent, piece) for piece in pieces)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise source.refuse(f"is not valid JSON ({where}: {exc.msg})") from exc
    except RecursionError as exc:
        raise source.refuse("nests its values too deeply to be read") from exc
    except ValueError as exc:  # Python reads no integer of more than 4,300 digits
        raise source.refuse(f"holds a value that cannot be read ({exc})") from exc
    return Reading(list(blocks.segments(blocks.storable(readable))), None)
