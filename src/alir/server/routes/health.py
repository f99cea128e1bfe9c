"""Whether the service lives, and whether what it needs does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.errors import AlirError
from alir.server.problems import problem_of
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel

TIMEOUT_S = 2.0
"""Longest wait for one dependency: whoever asks does so every few seconds."""
FRESH_S = 1.0
"""So long what was seen is told again: anybody may ask, however often."""

_log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[object]]


class AliveObject(ApiModel):
    """The service answers."""

    status: Literal["alive"] = "alive"


class DependencyObject(ApiModel):
    """Something that the service needs."""

    status: Literal["up", "down"]
    since: str
    """When it became so, as far as was looked, in ISO 8601."""
    problem: str | None = None
    """What kind; the service's log has it all."""


class ReadyObject(ApiModel):
    """Whether a question can be answered now."""

    status: Literal["ready", "not ready"]
    dependencies: dict[str, DependencyObject]


class HealthRoutes:
    """Looks at what the service needs.

    Args:
        looks: by name, what raises an error of alir's where a dependency is down.
    """

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._looks = looks
        self._last: dict[str, DependencyObject] = {}
        self._looking = asyncio.Lock()
        self._looked_s = -FRESH_S

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
        async with self._looking:
            if monotonic() - self._looked_s > FRESH_S:
                await asyncio.gather(*(self._look(*one) for one in self._looks.items()))
                self._looked_s = monotonic()
        is_ready = all(one.status == "up" for one in self._last.values())
        ready = ReadyObject(status="ready" if is_ready else "not ready", dependencies=self._last)
        status = 200 if is_ready else 503
        return JSONResponse(ready.model_dump(exclude_none=True), status_code=status)

    async def _look(self, name: str, look: Look) -> None:
        problem, told = None, ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await look()
        except TimeoutError:
            problem = told = f"It has not answered for {TIMEOUT_S:g} s."
        except AlirError as error:
            # Addresses and paths are not for those without a key.
            problem, told = problem_of(error).title, str(error)
        last = self._last.get(name)
        status: Literal["up", "down"] = "down" if problem else "up"
        if last is not None and last.status == status:
            since = last.since
        else:
            since = datetime.now(UTC).isoformat("T", "seconds")
            _log.log(logging.ERROR if told else logging.INFO, "%s is %s. %s", name, status, told)
        self._last[name] = DependencyObject(status=status, since=since, problem=problem)
