"""The agent's questions back: a run that asked waits a while for a person to say what was meant."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from workflows.handler import WorkflowHandler

from alir.events.agent import MeaningAsked, MeaningChosen
from alir.server.auth.caller import caller
from alir.server.bodies import read
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.agent import MeaningEvent, MeaningRequest, MeaningResponse


@dataclass(frozen=True, slots=True)
class _Waiting:
    tenant: str
    run: WorkflowHandler
    patience: asyncio.TimerHandle


class MeaningRoutes:
    """The runs that wait to be told what their question means.

    Args:
        wait_s: the longest that one waits; then it goes on with the question as it is.
        most: how many may wait; one more goes on at once. A run that waits keeps its place among
            the questions under way, and not all places are for waiting.
    """

    def __init__(self, *, wait_s: float, most: int) -> None:
        self._wait_s = wait_s
        self._most = most
        self._waiting: dict[str, _Waiting] = {}

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        return [
            Endpoint(
                "POST",
                "/v1/agent/{id}/meaning",
                self.choose,
                "read",
                "Say what a question means",
                MeaningResponse,
                body=MeaningRequest,
            )
        ]

    def ask(
        self, id_: str, tenant: str, run: WorkflowHandler, asked: MeaningAsked
    ) -> MeaningEvent | None:
        """Have a run wait for its meaning; return what its client is told, None if it goes on."""
        if len(self._waiting) >= self._most:
            _go_on(run, "")
            return None
        patience = asyncio.get_running_loop().call_later(self._wait_s, self.say, id_, "")
        self._waiting[id_] = _Waiting(tenant, run, patience)
        return MeaningEvent(
            id=id_, question=asked.question, meanings=asked.meanings, waits_s=self._wait_s
        )

    def waits(self, id_: str) -> bool:
        """Return whether a run waits."""
        return id_ in self._waiting

    def say(self, id_: str, meaning: str) -> None:
        """Have a run go on with what a person said; once, and not after the time for it."""
        if (waiting := self._waiting.get(id_)) is not None:
            self.leave(id_)
            _go_on(waiting.run, meaning)

    def leave(self, id_: str) -> None:
        """Wait no longer: the run has ended, or its client has gone."""
        if (waiting := self._waiting.pop(id_, None)) is not None:
            waiting.patience.cancel()

    async def choose(self, request: Request) -> Response:
        """Say what the question of a run of the caller's tenant means; the run then goes on."""
        body = await read(request, MeaningRequest)
        id_ = request.path_params["id"]
        waiting = self._waiting.get(id_)
        if waiting is None or waiting.tenant != caller(request).tenant.name:
            raise refusal(404, "Not Found", "No such run waits to be told, or not any more.")
        self.say(id_, body.meaning)
        return JSONResponse(MeaningResponse(id=id_, meaning=body.meaning).model_dump())


def _go_on(run: WorkflowHandler, meaning: str) -> None:
    assert run.ctx is not None  # noqa: S101  a run that streams has one
    run.ctx.send_event(MeaningChosen(meaning=meaning))
