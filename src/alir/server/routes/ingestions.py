"""The endpoints of ingestions: start, follow and cancel them."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.server.answer_stream import PING_S
from alir.server.auth.caller import caller
from alir.server.auth.tenant_files import resolve_path
from alir.server.ingestion_queue import IngestionQueue
from alir.server.routes.endpoint import Endpoint
from alir.server.routes.questions import accepts_events
from alir.server.schemas.ingestions import Ingestion, IngestionRequest
from alir.server.schemas.requests import read_body


class IngestionRoutes:
    """The endpoints of one queue of ingestions."""

    def __init__(self, queue: IngestionQueue) -> None:
        self._queue = queue

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "POST",
                "/v1/ingestions",
                self.create_ingestion,
                "write",
                "Bring the index up to date with files and folders",
                Ingestion,
                status=202,
                body=IngestionRequest,
            ),
            Endpoint(
                "GET",
                "/v1/ingestions/{id}",
                self.get_ingestion,
                "read",
                "How far an ingestion has come",
                Ingestion,
                streams={"ingestion": Ingestion},
            ),
            Endpoint(
                "DELETE",
                "/v1/ingestions/{id}",
                self.cancel_ingestion,
                "write",
                "End an ingestion",
                Ingestion,
                problems=(409,),
            ),
        ]

    async def create_ingestion(self, request: Request) -> Response:
        """Queue an ingestion of files and folders below the caller's own.

        Afterwards the index holds exactly what is in each folder. Ingestions run one after the
        other.
        """
        tenant = caller(request).tenant
        body = await read_body(request, IngestionRequest)
        self._queue.check_capacity(tenant)
        files = await asyncio.to_thread(lambda: [resolve_path(path, tenant) for path in body.paths])
        queued = await self._queue.submit(
            tenant, "ingest", files, delete_many=body.delete_many, rehash=body.rehash
        )
        return accepted(queued)

    async def get_ingestion(self, request: Request) -> Response:
        """Return an ingestion; as server-sent events, one for each change, until it ends."""
        id_ = request.path_params["id"]
        ingestion = await self._queue.get(caller(request).tenant, id_)
        updates = self._queue.follow(id_) if accepts_events(request) else None
        if updates is not None:
            return EventSourceResponse(_events(updates), ping=PING_S)
        return JSONResponse(ingestion.model_dump(mode="json"))

    async def cancel_ingestion(self, request: Request) -> Response:
        """End an ingestion where it is. What it has written stays; an ended one stays ended."""
        ingestion = await self._queue.cancel(caller(request).tenant, request.path_params["id"])
        return JSONResponse(ingestion.model_dump(mode="json"))


def accepted(ingestion: Ingestion) -> Response:
    """Return the response 202 for a queued ingestion, with its location."""
    headers = {"Location": f"/v1/ingestions/{ingestion.id}"}
    return JSONResponse(ingestion.model_dump(mode="json"), status_code=202, headers=headers)


async def _events(updates: AsyncIterator[Ingestion]) -> AsyncIterator[ServerSentEvent]:
    async for ingestion in updates:
        yield ServerSentEvent(ingestion.model_dump_json(), event="ingestion")
