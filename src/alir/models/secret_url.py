"""An address that may hold credentials, and prints itself without them."""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

HIDDEN = "[redacted]"
MIN_VALUE_CHARS = 8
"""Of a value in a query that counts as a secret; shorter ones are versions and switches."""

_MAY_HIDE = re.compile(r"[@?#]")
"""Stands before or behind each part of a URL that may be a secret."""


class SecretUrl:
    """A URL, or the path of a file; only `get_secret_value` gives the whole of it.

    `str`, `repr`, `format` and JSON leave out the user, the password, the query and the fragment.
    """

    __slots__ = ("_printed", "_secrets", "_whole")

    def __init__(self, whole: str) -> None:
        self._whole = whole
        self._printed = _printed(whole)
        self._secrets = _secrets(whole)

    def get_secret_value(self) -> str:
        """Return the whole address, to connect to it."""
        return self._whole

    @property
    def secrets(self) -> list[str]:
        """What must not be printed, as it is written and decoded; the longest first."""
        return self._secrets

    def redact(self, text: str) -> str:
        """Return a text that others made, such as a library's error, without the secrets."""
        text = text.replace(self._whole, self._printed)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def __str__(self) -> str:
        return self._printed

    def __format__(self, spec: str) -> str:
        return format(self._printed, spec)

    def __repr__(self) -> str:
        return f"SecretUrl({self._printed!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretUrl) and self._whole == other._whole

    def __hash__(self) -> int:
        return hash(self._whole)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.of, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def of(cls, given: "str | SecretUrl") -> "SecretUrl":
        """Return what was given, as one of these."""
        if isinstance(given, SecretUrl):
            return given
        if not isinstance(given, str):
            raise ValueError("must be a text")  # noqa: TRY004  pydantic reports no TypeError
        return cls(given)


def is_sound(url: str) -> bool:
    """Return whether it is clear which part of a URL is which: its parts are escaped."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in f"{parts.path}{parts.query}{parts.fragment}"


def _printed(whole: str) -> str:
    scheme, separator, rest = whole.partition("://")
    if not separator:
        # A file, or no address at all: that is printed when it is refused.
        return whole if whole.endswith(".db") or "@" not in whole else HIDDEN
    if not is_sound(whole):
        return f"{scheme}://{HIDDEN}" if _MAY_HIDE.search(rest) else whole
    parts = urlsplit(whole)
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _secrets(whole: str) -> list[str]:
    _, separator, rest = whole.partition("://")
    if not separator:
        return []
    if not is_sound(whole):
        return [rest] if _MAY_HIDE.search(rest) else []
    parts = urlsplit(whole)
    user = parts.netloc.rpartition("@")[0]
    name, _, password = user.partition(":")
    queries = [value for _, value in parse_qsl(parts.query) if len(value) >= MIN_VALUE_CHARS]
    # A user without a password is a token.
    found = {user, password or name, unquote(password or name), parts.query, parts.fragment}
    raw = [one.partition("=")[2] for one in parts.query.split("&")]
    found |= {*queries, *(one for one in raw if len(one) >= MIN_VALUE_CHARS)}
    return sorted((one for one in found if one), key=len, reverse=True)
