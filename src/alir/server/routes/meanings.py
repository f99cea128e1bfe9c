"""The agent's questions back: a run waits a while for a person to choose a meaning."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from workflows.handler import WorkflowHandler

from alir.events.agent import MeaningAsked, MeaningChosen
from alir.server.auth.caller import caller
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.agent import MeaningEvent, MeaningRequest, MeaningResponse
from alir.server.schemas.requests import read_body


@dataclass(frozen=True, slots=True)
class _Waiting:
    tenant: str
    run: WorkflowHandler
    timeout: asyncio.TimerHandle


class MeaningRoutes:
    """The runs that wait for the meaning of their question.

    Args:
        wait_s: the longest that one waits; then it goes on with the question as it is.
        most: how many may wait; one more goes on at once. A run that waits takes one of the
            question slots, and not all slots are for waiting.
    """

    def __init__(self, *, wait_s: float, most: int) -> None:
        self._wait_s = wait_s
        self._most = most
        self._waiting: dict[str, _Waiting] = {}

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "POST",
                "/v1/agent/{id}/meaning",
                self.choose,
                "read",
                "Choose what a question means",
                MeaningResponse,
                body=MeaningRequest,
            )
        ]

    def wait_for_meaning(
        self, id_: str, tenant: str, run: WorkflowHandler, asked: MeaningAsked
    ) -> MeaningEvent | None:
        """Let a run wait for a meaning, and return the event for its client; None if it goes on."""
        if len(self._waiting) >= self._most:
            _go_on(run, "")
            return None
        timeout = asyncio.get_running_loop().call_later(self._wait_s, self.continue_run, id_, "")
        self._waiting[id_] = _Waiting(tenant, run, timeout)
        return MeaningEvent(
            id=id_, question=asked.question, meanings=asked.meanings, waits_s=self._wait_s
        )

    def waits(self, id_: str) -> bool:
        """Return whether a run waits."""
        return id_ in self._waiting

    def continue_run(self, id_: str, meaning: str) -> None:
        """Let a run go on with a meaning, if it still waits."""
        if (waiting := self._waiting.get(id_)) is not None:
            self.stop_waiting(id_)
            _go_on(waiting.run, meaning)

    def stop_waiting(self, id_: str) -> None:
        """Wait no longer: the run has ended, or its client has gone."""
        if (waiting := self._waiting.pop(id_, None)) is not None:
            waiting.timeout.cancel()

    async def choose(self, request: Request) -> Response:
        """Choose what the question of a run of the caller's tenant means; the run then goes on."""
        body = await read_body(request, MeaningRequest)
        id_ = request.path_params["id"]
        waiting = self._waiting.get(id_)
        if waiting is None or waiting.tenant != caller(request).tenant.name:
            raise refusal(404, "Not Found", "No such run waits for a meaning, or not any more.")
        self.continue_run(id_, body.meaning)
        return JSONResponse(MeaningResponse(id=id_, meaning=body.meaning).model_dump())


def _go_on(run: WorkflowHandler, meaning: str) -> None:
    assert run.ctx is not None  # noqa: S101  a run that streams has one
    run.ctx.send_event(MeaningChosen(meaning=meaning))
