"""The table of fingerprints, one for each collection."""

import json
import sqlite3
from collections.abc import Mapping


def write(db: sqlite3.Connection, collection: str, made_with: Mapping[str, str]) -> None:
    """Write the collection's fingerprint, replacing the one it had."""
    values = (collection, json.dumps(dict(made_with)))
    db.execute("INSERT OR REPLACE INTO fingerprint VALUES (?, ?)", values)


def read(db: sqlite3.Connection, collection: str) -> dict[str, str] | None:
    """Return the collection's fingerprint; None where there is none."""
    query = "SELECT made_with FROM fingerprint WHERE collection = ?"
    found = db.execute(query, (collection,)).fetchone()
    return None if found is None else dict(json.loads(found[0]))
