"""Outages: the times when calls wait for a Milvus that is gone, and their listeners."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alir.models.outage import Outage


@dataclass(slots=True, eq=False)
class _Listener:
    loop: asyncio.AbstractEventLoop
    paused: Callable[[Outage], None]
    resumed: Callable[[float], None]
    listens: bool = True

    def notify(self, callback: Callable[[Any], None], value: object) -> None:
        def call() -> None:
            if self.listens:
                callback(value)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call)


class OutageMonitor:
    """The outages of one Milvus: there is one while a call waits for Milvus to come back.

    Its state belongs to the event loop that owns the client; anyone may listen.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting = 0
        self._began = 0.0
        self._now: Outage | None = None
        self._listeners: list[_Listener] = []

    @contextmanager
    def listen(
        self, paused: Callable[[Outage], None], resumed: Callable[[float], None]
    ) -> Iterator[None]:
        """Call `paused` for each outage, and `resumed` with its seconds, on the running loop."""
        listener = _Listener(asyncio.get_running_loop(), paused, resumed)
        self._listeners.append(listener)
        if (outage := self._now) is not None:
            listener.notify(paused, outage)
        try:
            yield
        finally:
            listener.listens = False
            self._listeners.remove(listener)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a call that waits; with the last of them the outage ends."""
        if not self._waiting:
            self._began = self._clock()
        self._waiting += 1
        came_back = False
        try:
            yield
            came_back = True
        finally:
            self._waiting -= 1
            if not self._waiting and self._now is not None:
                self._now = None
                if came_back:
                    for listener in list(self._listeners):
                        listener.notify(listener.resumed, self._clock() - self._began)

    def announce(self, reason: str, *, waits_s: float) -> None:
        """Tell the listeners, once an outage, why calls wait, and for how long at most."""
        if self._now is not None:
            return
        since = time.time() - (self._clock() - self._began)
        self._now = Outage(reason, since, waits_s)
        for listener in list(self._listeners):
            listener.notify(listener.paused, self._now)
