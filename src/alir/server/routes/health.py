"""Liveness and readiness of the service."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.errors import AlirError
from alir.server.problems import title_of
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel

TIMEOUT_S = 2.0
"""Longest wait for one dependency: probes come every few seconds."""
FRESH_S = 1.0
"""How long a result is reused: anyone may ask, at any rate."""

_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[object]]


class LivenessResponse(ApiModel):
    """The service is alive."""

    status: Literal["alive"] = "alive"


class DependencyStatus(ApiModel):
    """Something that the service needs."""

    status: Literal["up", "down"]
    since: str
    """When a check first saw this status, in ISO 8601."""
    problem: str | None = None
    """The kind of problem; the service's log has the rest."""


class IngestionsStatus(ApiModel):
    """The ingestions that have not ended."""

    waiting: int
    problem: str | None = None
    """The kind of problem that holds one up; it is tried again."""


class ReadinessResponse(ApiModel):
    """Whether the service can answer questions."""

    status: Literal["ready", "not ready"]
    dependencies: dict[str, DependencyStatus]
    ingestions: IngestionsStatus | None = None


class HealthRoutes:
    """Checks the dependencies of the service.

    Args:
        checks: Functions by name; each raises an `AlirError` if its dependency is down.
        ingestions: Returns the present status of the ingestions.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        ingestions: Callable[[], IngestionsStatus | None] = lambda: None,
    ) -> None:
        self._checks = checks
        self._ingestions = ingestions
        self._last: dict[str, DependencyStatus] = {}
        self._lock = asyncio.Lock()
        self._checked_s = -FRESH_S

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "GET",
                "/health/live",
                self.get_liveness,
                "open",
                "Whether it lives",
                LivenessResponse,
            ),
            Endpoint(
                "GET",
                "/health/ready",
                self.get_readiness,
                "open",
                "Whether it can answer",
                ReadinessResponse,
                other_responses={503: ReadinessResponse},
            ),
        ]

    async def get_liveness(self, _: Request) -> Response:
        """Return 200: the service is alive."""
        return JSONResponse(LivenessResponse().model_dump())

    async def get_readiness(self, _: Request) -> Response:
        """Return the status of each dependency; 503 if one is down."""
        async with self._lock:
            if monotonic() - self._checked_s > FRESH_S:
                await asyncio.gather(*(self._check(*one) for one in self._checks.items()))
                self._checked_s = monotonic()
        is_ready = all(one.status == "up" for one in self._last.values())
        ready = ReadinessResponse(
            status="ready" if is_ready else "not ready",
            dependencies=self._last,
            ingestions=self._ingestions(),
        )
        status = 200 if is_ready else 503
        return JSONResponse(ready.model_dump(exclude_none=True), status_code=status)

    async def _check(self, name: str, check: Check) -> None:
        problem, detail = None, ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await check()
        except TimeoutError:
            problem = detail = f"It has not answered for {TIMEOUT_S:g} s."
        except AlirError as error:
            # Addresses and paths are not for those without a key.
            problem, detail = title_of(error), str(error)
        last = self._last.get(name)
        status: Literal["up", "down"] = "down" if problem else "up"
        if last is not None and last.status == status:
            since = last.since
        else:
            since = datetime.now(UTC).isoformat("T", "seconds")
            _log.log(
                logging.ERROR if detail else logging.INFO, "%s is %s. %s", name, status, detail
            )
        self._last[name] = DependencyStatus(status=status, since=since, problem=problem)
