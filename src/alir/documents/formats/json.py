"""JSON: parsed, then written out readably. JSON Lines are text already, one object a line."""

import json

from alir.documents.formats import blocks, stream
from alir.documents.formats.source import OpenDocument
from alir.models.reading import Cursor, Reading


def read(source: OpenDocument, _at: Cursor | None, _budget_chars: int) -> Reading:
    """Return the value, indented by one space, in blocks."""
    text = stream.whole(source, "a JSON file")
    try:
        readable = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise source.refuse(f"is not valid JSON ({where}: {exc.msg})") from exc
    except RecursionError as exc:
        raise source.refuse("nests its values too deeply to be read") from exc
    except ValueError as exc:  # Python reads no integer of more than 4,300 digits
        raise source.refuse(f"holds a value that cannot be read ({exc})") from exc
    return Reading(list(blocks.segments(blocks.storable(readable))), None)
