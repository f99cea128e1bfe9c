"""Turns: several pieces of long work go on side by side, one of them at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

TURN_S = 1.0
"""Shortest turn of work that could hand it on: a pause costs what is in flight."""
HANDOVER_S = 0.02
"""How long a turn that ended is kept free, for the next step of the same work to go first."""


class Turns:
    """Gives turns on one event loop, first come, first served, below one lock.

    The lock is held from the first turn until no work is begun, so also while all of it pauses.

    Args:
        lock: Keeps other processes off; it gets the name of the work that takes it.
    """

    def __init__(self, lock: Callable[[str], AbstractAsyncContextManager[None]]) -> None:
        self._lock = lock
        self._held = AsyncExitStack()
        self._begun: set[RunTurn] = set()
        self._waiting: list[RunTurn] = []
        self._current: RunTurn | None = None

    @asynccontextmanager
    async def take(
        self,
        what: str,
        paths: Sequence[Path],
        *,
        is_short: bool = False,
        waits: Callable[[bool], None] = lambda _: None,
    ) -> AsyncIterator["RunTurn"]:
        """Wait for a turn, and have it in this context.

        Args:
            what: A name for the work.
            paths: Files, and folders with all below them, that the work writes or deletes.
            is_short: The work goes before what waits; it must be brief.
            waits: Called with True where the turn does not come at once, and then with False.

        Raises:
            Exception: What the lock raises.
        """
        turn = RunTurn(self, paths, waits)
        try:
            await self._wait(turn, is_first=is_short)
            if not self._begun:
                await self._held.enter_async_context(self._lock(what))
            self._begun.add(turn)
            yield turn
        finally:
            self._begun.discard(turn)
            if not self._begun:
                await self._held.aclose()
            if self._current is turn:
                self._current = None
                asyncio.get_running_loop().call_later(HANDOVER_S, self._grant)
            else:
                self._grant()  # what it had half done may have kept others

    @property
    def are_wanted(self) -> bool:
        """Whether other work waits for a turn."""
        return bool(self._waiting)

    async def pass_on(self, turn: "RunTurn") -> None:
        """Let others go, and return when it is the turn's again."""
        self._current = None
        await self._wait(turn)

    async def _wait(self, turn: "RunTurn", *, is_first: bool = False) -> None:
        turn.granted = asyncio.get_running_loop().create_future()
        self._waiting.insert(0 if is_first else len(self._waiting), turn)
        self._grant()
        if turn.granted.done():
            return
        turn.waits(True)
        try:
            await turn.granted
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            raise
        turn.waits(False)

    def _grant(self) -> None:
        """Give the free turn to the first that may have it."""
        if self._current is not None:
            return
        for turn in self._waiting:
            if not any(other.has_half_done(turn.paths) for other in self._begun - {turn}):
                self._waiting.remove(turn)
                self._current = turn
                turn.begin()
                return


class RunTurn:
    """The turn of one piece of work."""

    def __init__(self, turns: Turns, paths: Sequence[Path], waits: Callable[[bool], None]) -> None:
        self.paths = paths
        self.waits = waits
        self.granted: asyncio.Future[None]
        self._turns = turns
        self._began_s = 0.0
        self._half_done: list[Path] = []

    @property
    def is_over(self) -> bool:
        """Whether it should be handed on: it was long enough, and others wait."""
        return self._turns.are_wanted and monotonic() - self._began_s >= TURN_S

    async def pass_on(self, half_done: Iterable[Path]) -> None:
        """Let others go, and return when it is this one's turn again.

        Args:
            half_done: Files that are written in part. Work that would touch one of them waits
                until this work was here again and has let go of it.
        """
        self._half_done = [*half_done]
        await self._turns.pass_on(self)

    def begin(self) -> None:
        """Begin, or go on."""
        self._began_s = monotonic()
        if not self.granted.done():
            self.granted.set_result(None)

    def has_half_done(self, paths: Iterable[Path]) -> bool:
        """Return whether a file at or below `paths` is written in part."""
        return any(file.is_relative_to(path) for file in self._half_done for path in paths)
