"""Let something go wrong at a chosen call of a collaborator."""

from collections.abc import AsyncIterator, Callable
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Literal

from alir.app.application import Alir

Moment = Literal["before", "after"]
"""Before the call, or after it: then the call was done, and its result is lost."""


class Faults:
    """Counts the calls of collaborators and acts at one of them: raises, cancels, edits a file.

    One plan serves one run: `plan` forgets the calls before it.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        """The calls since the plan was made, in order: `vector_store.async_add`, ..."""
        self.happened = ""
        """The call at which the plan acted; empty until it has."""
        self._at = 0
        self._moment: Moment = "before"
        self._act: Callable[[], object] = lambda: None

    def plan(
        self,
        act: Callable[[], object],
        *,
        call: int = 1,
        of: str = "",
        moment: Moment = "before",
    ) -> None:
        """Act once, at the `call`-th call (the first is 1) with a name that begins with `of`."""
        self.calls, self.happened = [], ""
        self._at, self._of, self._moment, self._act = call, of, moment, act

    def none(self) -> None:
        """Let nothing go wrong from now on."""
        self.plan(lambda: None, call=0)

    def watch(self, app: Alir) -> None:
        """Replace the collaborators of `app`'s ingestion by watched ones, for good."""
        shard, corpus = app.shard, app.ingest
        shard.embedding = self.watched(shard.embedding, "embedding")
        shard.node_parser = self.watched(shard.node_parser, "node_parser")
        shard.catalog = corpus.catalog = self.watched(shard.catalog, "catalog")
        shard.vector_store = corpus.vector_store = self.watched(shard.vector_store, "vector_store")

    def watched(self, collaborator: Any, name: str, *, only: str = "") -> Any:
        """Return a collaborator that behaves as the given one, except for the plan.

        Args:
            only: the only method to watch; by default every one.
        """
        return _Watched(collaborator, name, self, only)

    def passes(self, name: str, moment: Moment) -> None:
        """Note a call, before or after it; act if that is the plan."""
        if moment == "before":
            self.calls.append(name)
        number = sum(one.startswith(self._of) for one in self.calls)
        planned = self._at and number >= self._at and name.startswith(self._of)
        if planned and moment == self._moment and not self.happened:
            self.happened = name
            self._act()

    _of = ""


class _Watched:
    """A collaborator that reports each call to the plan, before and after it."""

    def __init__(self, inner: Any, name: str, faults: Faults, only: str) -> None:
        self._inner = inner
        self._name = name
        self._faults = faults
        self._only = only

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not callable(method) or self._only not in {"", name}:
            return method
        called, passes = f"{self._name}.{name}", self._faults.passes

        def call(*args: Any, **kwargs: Any) -> Any:
            passes(called, "before")
            result = method(*args, **kwargs)
            passes(called, "after")
            return result

        async def acall(*args: Any, **kwargs: Any) -> Any:
            passes(called, "before")
            result = await method(*args, **kwargs)
            passes(called, "after")
            return result

        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            passes(called, "before")
            async for one in method(*args, **kwargs):
                yield one
            passes(called, "after")

        if isasyncgenfunction(method):
            return stream
        return acall if iscoroutinefunction(method) else call
