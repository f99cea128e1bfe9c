"""The log: lines of JSON without secrets."""

import json
import logging

from alir.server.telemetry.logs import JsonFormatter


def test_no_line_of_the_log_has_a_secret_of_the_settings() -> None:
    lines = JsonFormatter(["hunter2", "hunter2hunter2", "level", 'quo"te', ""])
    logger = logging.getLogger("a")
    error = RuntimeError("Refused: hunter2, http://root:Milvus@inner.example:19530/x")
    info = (RuntimeError, error, None)
    request = {"path": "/hunter2hunter2"}
    record = logger.makeRecord(
        "a", logging.ERROR, "f", 1, '%s and quo"te', ("hunter2",), info, extra={"request": request}
    )
    line = json.loads(lines.format(record))

    assert line["level"] == "error"
    assert line["message"] == "[redacted] and [redacted]"
    assert line["path"] == "/[redacted]"
    assert "http://[redacted]@inner.example:19530/x" in line["exception"]
    assert "hunter" not in str(line)
