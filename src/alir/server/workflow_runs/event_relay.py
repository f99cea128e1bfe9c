"""Relays the events of a child run into the stream of its parent run."""

import asyncio
from typing import Any

from workflows import Context

from alir.server.workflow_runs.events import RunEvent

MAX_TOKENS = 20
FLUSH_AFTER_S = 0.05
"""The first token waits this long for others: each event is a write to the disk."""


class EventRelay:
    """Relays events in order; tokens that come together become one event."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._tokens: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def send(self, event: str, data: dict[str, Any]) -> None:
        """Send an event, after the tokens before it."""
        if event != "token":
            self.flush()
            self._ctx.write_event_to_stream(RunEvent(event=event, data=data))
            return
        self._tokens.append(data["text"])
        if len(self._tokens) >= MAX_TOKENS:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Send the waiting tokens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tokens:
            text, self._tokens = "".join(self._tokens), []
            self._ctx.write_event_to_stream(RunEvent(event="token", data={"text": text}))
