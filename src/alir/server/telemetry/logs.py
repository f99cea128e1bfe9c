"""The service's log: a line of JSON for each thing, and for each request.

JSON keeps what comes from outside on its line. No line has a query, a body or a header, but for the
request's id.
"""

import json
import logging
import re
import sys
from collections.abc import Collection
from contextvars import ContextVar
from datetime import UTC, datetime

_KEY = r"alir_[0-9a-f]{12}_[A-Za-z0-9_-]+"
_IN_ADDRESS = r"(?<=://)[^/@\s]+(?=@)"
"""A user's name and password."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Of the trace that what is logged belongs to; empty where nothing is traced."""


def log_to_stderr(secrets: Collection[str] = ()) -> None:
    """Have all that is logged go to stderr, a line of JSON each, without any of `secrets`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # What it would say of requests, ours says; of starting and ending, the command does.
    for name in ("uvicorn", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Clients log each of their requests, addresses and all; the parser each damaged form; the
    # exporter of traces each attempt.
    for name in ("httpx", "httpx2", "openai", "opentelemetry", "python_multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, without keys, passwords in addresses and `secrets`."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        # The longest first: one may be a part of another.
        exact = sorted({one for one in secrets if one}, key=len, reverse=True)
        self._secret = re.compile("|".join([*map(re.escape, exact), _IN_ADDRESS, _KEY]))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat("T", "milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := request_id.get():
            line["request_id"] = request
        if trace := trace_id.get():
            line["trace_id"] = trace
        line |= getattr(record, "request", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # Nearly always there is none: they are looked for in all of it at once.
        said = "\n".join(value for value in line.values() if isinstance(value, str))
        if self._secret.search(said):
            line = {name: self._redacted(value) for name, value in line.items()}
        return json.dumps(line)

    def _redacted(self, value: object) -> object:
        return self._secret.sub("[redacted]", value) if isinstance(value, str) else value
