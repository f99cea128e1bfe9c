"""Tracing, if it is configured."""

import sys

import pytest

from alir.errors import ExtraMissing
from alir.models.secret_url import SecretUrl
from alir.server.telemetry.tracing import Tracing


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "alir.server.telemetry.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(ExtraMissing, match=r"pip install 'alir\[otel\]'"):
        Tracing(SecretUrl("http://127.0.0.1:4318"))
