"""The API keys of the service, and their token usage.

A secret has 256 random bits, so its SHA-256 is as hard to guess as the secret. A slow hash, made
for passwords, would only cost time at each request. The file holds only the hash.
"""

import hashlib
import hmac
import re
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from alir.errors import InvalidKey, KeysLost
from alir.models.key_scope import Scope
from alir.storage.keys_mark import clear_mark, mark_of, path_of, set_mark

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
SECRET = re.compile(r"alir_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
"""The key's id, and its random part."""
_NOBODY = hashlib.sha256(b"").digest()
_HAD_KEYS = "EXISTS (SELECT 1 FROM key) OR EXISTS (SELECT 1 FROM keyed)"
_COLUMNS = "id, name, scope, tenant, created, revoked"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secret."""

    id: str
    name: str
    scope: Scope
    tenant: str
    """Empty for an admin key."""
    created: str
    revoked: str | None = None


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """The result of checking a secret."""

    key: ApiKey | None
    """None if the secret is wrong or its key is revoked."""
    any_exist: bool
    """Whether any key was ever made, also if it was revoked or lost with the file."""


def add(db: sqlite3.Connection, name: str, scope: Scope, tenant: str = "") -> str:
    """Make a key; return its secret, which is not stored.

    Raises:
        InvalidKey: The name or the tenant is invalid, or the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise InvalidKey(name, "is no name for a key", "Use letters, digits, dots and hyphens.")
    if tenant and not _TENANT.fullmatch(tenant):
        # It is the name of a folder.
        raise InvalidKey(tenant, "is no name for a tenant", "Use a-z, 0-9 and hyphens, up to 63.")
    set_mark(path_of(db))  # first: a mark without a key keeps the service closed
    identity, random = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = (identity, name, _hash(random), scope, tenant, _now())
    try:
        db.execute("INSERT INTO key VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
    except sqlite3.IntegrityError as error:
        raise InvalidKey(name, "is the name of another key", "Revoke that one first.") from error
    return f"alir_{identity}_{random}"


def list_all(db: sqlite3.Connection) -> list[ApiKey]:
    """Return all keys, also revoked ones, oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM key ORDER BY created, name")  # noqa: S608
    return [ApiKey(*row) for row in rows]


def delete_all(db: sqlite3.Connection) -> None:
    """Delete all keys and the marks that there were any: the service is open again."""
    db.execute("DELETE FROM key")
    db.execute("DELETE FROM keyed")
    clear_mark(path_of(db))


def keep_mark(db: sqlite3.Connection) -> None:
    """Make the mark beside the file if the file had keys: an older alir made none.

    Raises:
        OSError: It cannot be written.
    """
    if db.execute(f"SELECT {_HAD_KEYS}").fetchone()[0]:
        set_mark(path_of(db))


def check_not_lost(db: sqlite3.Connection) -> None:
    """Check that a file that had keys has some.

    Raises:
        KeysLost: It has none.
    """
    if check_secret(db, None).any_exist and not list_all(db):
        file = path_of(db)
        mark = mark_of(file)
        raise KeysLost(str(file), str(mark if mark.exists() else "a note in it"))


def revoke(db: sqlite3.Connection, name: str) -> None:
    """Revoke the key of a name or id.

    Raises:
        InvalidKey: There is no such key.
    """
    changed = db.execute(
        "UPDATE key SET revoked = ? WHERE (name = ? OR id = ?) AND revoked IS NULL",
        (_now(), name, name),
    )
    if not changed.rowcount:
        raise InvalidKey(name, "is the name of no key in use", "See: alir keys list.")


def check_secret(db: sqlite3.Connection, secret: str | None) -> KeyCheck:
    """Return the key of a secret."""
    if (parts := SECRET.fullmatch(secret or "")) is not None:
        query = f"SELECT secret_hash, {_COLUMNS} FROM key WHERE id = ?"  # noqa: S608
        held, *row = db.execute(query, (parts[1],)).fetchone() or (_NOBODY,)
        # In constant time.
        is_same = hmac.compare_digest(held, _hash(parts[2]))
        key = ApiKey(*row) if row and is_same else None
        if key is not None and not key.revoked:
            return KeyCheck(key, any_exist=True)
    had_keys = db.execute(f"SELECT {_HAD_KEYS}").fetchone()[0]
    return KeyCheck(None, any_exist=bool(had_keys) or mark_of(path_of(db)).exists())


def add_tokens(db: sqlite3.Connection, key: str, tokens: int) -> None:
    """Add to the tokens of a key today, and delete other days."""
    day = _now()[:10]
    db.execute("DELETE FROM spent WHERE day <> ?", (day,))
    db.execute(
        "INSERT INTO spent VALUES (?, ?, ?) "
        "ON CONFLICT (key, day) DO UPDATE SET tokens = tokens + excluded.tokens",
        (key, day, tokens),
    )


def tokens_today(db: sqlite3.Connection, key: str) -> int:
    """Return the tokens that a key has used since midnight, UTC."""
    query = "SELECT tokens FROM spent WHERE key = ? AND day = ?"
    row = db.execute(query, (key, _now()[:10])).fetchone()
    return cast("int", row[0]) if row else 0


def _hash(random: str) -> bytes:
    return hashlib.sha256(random.encode()).digest()


def _now() -> str:
    return datetime.now(UTC).isoformat("T", "seconds")
