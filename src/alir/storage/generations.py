"""The table of the sequences that fencing tokens are drawn from."""

import sqlite3

from alir.models.files import generation_after
from alir.storage.sqlite_file import transaction


def draw(db: sqlite3.Connection, collection: str, above: int) -> int:
    """Return the collection's next token, above `above`; it is on the disk."""
    with transaction(db):
        query = "SELECT generation FROM sequence WHERE collection = ?"
        [last] = db.execute(query, (collection,)).fetchone() or (0,)
        drawn = generation_after(last, above)
        db.execute("INSERT OR REPLACE INTO sequence VALUES (?, ?)", (collection, drawn))
    return drawn
