"""Whether the service lives, and whether what it needs does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.errors import AlirError
from alir.server.endpoint import Endpoint

TIMEOUT_S = 2.0
"""Longest wait for one dependency: whoever asks does so every few seconds."""

Look = Callable[[], Awaitable[object]]


class AliveObject(BaseModel):
    """The service answers."""

    status: Literal["alive"] = "alive"


class DependencyObject(BaseModel):
    """Something that the service needs."""

    status: Literal["up", "down"]
    since: str
    """When it became so, as far as was looked, in ISO 8601."""
    problem: str | None = None


class ReadyObject(BaseModel):
    """Whether a question can be answered now."""

    status: Literal["ready", "not ready"]
    dependencies: dict[str, DependencyObject]


class Health:
    """Looks at what the service needs.

    Args:
        looks: by name, what raises an error of alir's where a dependency is down.
    """

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._looks = looks
        self._last: dict[str, DependencyObject] = {}

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        return [
            Endpoint("GET", "/health/live", self.live, "open", "Whether it lives", AliveObject),
            Endpoint(
                "GET",
                "/health/ready",
                self.ready,
                "open",
                "Whether it can answer",
                ReadyObject,
                also={503: ReadyObject},
            ),
        ]

    async def live(self, _: Request) -> Response:
        """Answer: that alone says it."""
        return JSONResponse(AliveObject().model_dump())

    async def ready(self, _: Request) -> Response:
        """Answer with each dependency; with 503 if one is down."""
        seen = await asyncio.gather(*(self._seen(*one) for one in self._looks.items()))
        dependencies = dict(zip(self._looks, seen, strict=True))
        is_ready = all(one.status == "up" for one in seen)
        ready = ReadyObject(status="ready" if is_ready else "not ready", dependencies=dependencies)
        status = 200 if is_ready else 503
        return JSONResponse(ready.model_dump(exclude_none=True), status_code=status)

    async def _seen(self, name: str, look: Look) -> DependencyObject:
        problem = None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await look()
        except TimeoutError:
            problem = f"It has not answered for {TIMEOUT_S:g} s."
        except AlirError as error:
            problem = str(error)
        last = self._last.get(name)
        status: Literal["up", "down"] = "down" if problem else "up"
        is_same = last is not None and last.status == status
        since = last.since if last and is_same else datetime.now(UTC).isoformat("T", "seconds")
        self._last[name] = DependencyObject(status=status, since=since, problem=problem)
        return self._last[name]
