"""The service's log, in lines of JSON.

JSON keeps text from outside on its line. No line has a query, a body or a header, except the
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
"""The user name and password in a URL."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""The id of the current trace; empty without tracing."""


def log_to_stderr(secrets: Collection[str] = ()) -> None:
    """Write all logs to stderr in lines of JSON, without any of `secrets`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # alir logs requests itself, and the command reports start and end.
    for name in ("uvicorn", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Clients log each request with its address, the parser each damaged form, the exporter of
    # traces each attempt.
    for name in ("httpx", "httpx2", "openai", "opentelemetry", "python_multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, without keys, passwords in addresses and `secrets`."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        # The longest first: one secret may be part of another.
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
        # Nearly no line has one, so the whole line is searched at once.
        text = "\n".join(value for value in line.values() if isinstance(value, str))
        if self._secret.search(text):
            line = {name: self._redacted(value) for name, value in line.items()}
        return json.dumps(line)

    def _redacted(self, value: object) -> object:
        return self._secret.sub("[redacted]", value) if isinstance(value, str) else value
