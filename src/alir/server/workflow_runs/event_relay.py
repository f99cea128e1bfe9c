"""What a child run streams, told on by the run that it is a child of."""

import asyncio
from typing import Any

from workflows import Context

from alir.server.workflow_runs.events import RunEvent

TOKENS_TOGETHER = 20
TOKENS_WAIT_S = 0.05
"""The first of them waits so long for others: each event is a write to the disk."""


class EventRelay:
    """Tells events on, in order; tokens that come together as one."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._tokens: list[str] = []
        self._later: asyncio.TimerHandle | None = None

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Tell an event, after the tokens before it."""
        if event != "token":
            self.flush()
            self._ctx.write_event_to_stream(RunEvent(event=event, data=data))
            return
        self._tokens.append(data["text"])
        if len(self._tokens) >= TOKENS_TOGETHER:
            self.flush()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(TOKENS_WAIT_S, self.flush)

    def flush(self) -> None:
        """Tell the tokens that wait."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._tokens:
            text, self._tokens = "".join(self._tokens), []
            self._ctx.write_event_to_stream(RunEvent(event="token", data={"text": text}))
