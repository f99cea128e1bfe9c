"""The indexed files, and those that failed."""

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Annotated

from llama_index.core.schema import MetadataMode, TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from alir.app.application import Alir
from alir.models.files import StoredSource, source_id
from alir.models.path_filters import both
from alir.models.records import FailedFile
from alir.server.auth.caller import Tenant, caller
from alir.server.auth.tenant_files import find_upload, is_inside
from alir.server.ingestion_queue import IngestionQueue
from alir.server.problems import ProblemException, refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.routes.ingestions import accepted
from alir.server.schemas.base import ApiModel
from alir.server.schemas.ingestions import Ingestion
from alir.server.schemas.requests import RequestModel, read_query

_ID = re.compile(r"[0-9a-f]{32}")
MAX_PAGE = 1000
"""Files on one page."""


class IndexedFile(ApiModel):
    """A file in the index."""

    id: str
    file: str
    chunks: int


class FileFailure(ApiModel):
    """A file that could not be read or stored; its former version stays in the index."""

    id: str
    file: str
    reason: str
    attempts: int
    next_try: str
    """When `alir watch` or an ingestion tries it again, in ISO 8601."""


class SourceListResponse(ApiModel):
    """Indexed files and failed files, both by name."""

    files: list[IndexedFile]
    failed: list[FileFailure]
    next: str | None
    """The `after` of the next page; null on the last page."""


class SourceListQuery(RequestModel):
    """Which page of the files."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = MAX_PAGE
    """The most names to return, indexed or failed or both."""
    after: Annotated[str, Field(max_length=8192)] = ""
    """The last file of the previous page; files after it by name are returned."""


class SourceResponse(ApiModel):
    """A file in the index, and why its last ingestion failed."""

    id: str
    file: str
    chunks: int
    """0 if it was never ingested."""
    failure: FileFailure | None
    """Why its present version could not be ingested."""


class SourceRoutes:
    """The endpoints of indexed files."""

    def __init__(self, app: Alir, queue: IngestionQueue) -> None:
        self._app = app
        self._queue = queue

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        unavailable = (503, 504)
        one = "/v1/sources/{id}"
        return [
            Endpoint(
                "GET",
                "/v1/sources",
                self.list_sources,
                "read",
                "List the files",
                SourceListResponse,
                query=SourceListQuery,
                problems=unavailable,
            ),
            Endpoint(
                "GET",
                one,
                self.get_source,
                "read",
                "One file",
                SourceResponse,
                problems=unavailable,
            ),
            Endpoint(
                "GET",
                f"{one}/text",
                self.get_text,
                "read",
                "The text of a file",
                "text/plain",
                problems=unavailable,
            ),
            Endpoint(
                "DELETE",
                one,
                self.delete_source,
                "write",
                "Delete a file",
                Ingestion,
                status=202,
                problems=(409, *unavailable),
            ),
            Endpoint(
                "POST",
                f"{one}/retry",
                self.retry_source,
                "write",
                "Ingest a file that failed once more",
                Ingestion,
                status=202,
                problems=(409, *unavailable),
            ),
        ]

    async def list_sources(self, request: Request) -> Response:
        """Return the files that the caller sees, by name, one page at a time."""
        query = read_query(request, SourceListQuery)
        page = await list_files(self._app, caller(request).tenant, query)
        return JSONResponse(page.model_dump())

    async def get_source(self, request: Request) -> Response:
        """Return one file: its number of chunks, and why it failed if it did."""
        stored, failed = await self._found(request)
        state = SourceResponse(
            id=request.path_params["id"],
            file=_text(_path(stored, failed)),
            chunks=stored.chunks if stored else 0,
            failure=_failure(failed) if failed else None,
        )
        return JSONResponse(state.model_dump())

    async def get_text(self, request: Request) -> Response:
        """Return a file's text as it is in the index.

        A citation's `start` and `end` are positions in this text, counted in code points. White
        space that is in no chunk may differ from the file.
        """
        stored, _ = await self._found(request)
        if stored is None:
            raise _unknown()
        version = MetadataFilters(
            filters=[
                MetadataFilter(key="doc_id", value=stored.source_id),
                MetadataFilter(key="version", value=stored.version),
            ]
        )
        filters = both(version, caller(request).tenant.filters)
        nodes = await self._app.vector_store.aget_nodes(filters=filters)
        chunks = [
            (node.start_char_idx or 0, node.get_content(metadata_mode=MetadataMode.NONE))
            for node in nodes
            if isinstance(node, TextNode)
        ]
        return PlainTextResponse(_joined(chunks))

    async def delete_source(self, request: Request) -> Response:
        """Delete a file below the caller's folder at once; its chunks are deleted in their turn.

        Also an upload that was cancelled, or waits for its turn.
        """
        tenant = caller(request).tenant
        file = await self._own(request, tenant)
        self._queue.check_capacity(tenant)
        try:
            deletion = await self._queue.submit(
                tenant, "delete", [file], change=partial(file.unlink, missing_ok=True)
            )
        except OSError as error:
            detail = "The service may not remove it from its disk; it stays in the index."
            raise refusal(409, "Cannot Be Deleted", detail) from error
        return accepted(deletion)

    async def retry_source(self, request: Request) -> Response:
        """Ingest a file again that failed, or whose upload was cancelled."""
        tenant = caller(request).tenant
        file = await self._own(request, tenant)
        self._queue.check_capacity(tenant)
        return accepted(await self._queue.submit(tenant, "ingest", [file]))

    async def _own(self, request: Request, tenant: Tenant) -> Path:
        """Return the requested file, which must be below the tenant's folder."""
        try:
            file = _path(*await self._found(request))
        except ProblemException:
            id_ = request.path_params["id"]
            if not _ID.fullmatch(id_):
                raise
            uploaded = await asyncio.to_thread(find_upload, id_, tenant)
            if uploaded is None:
                raise
            file = uploaded
        if not await asyncio.to_thread(is_inside, file, tenant):
            detail = "The file is not below the service's folder: it can only be done there."
            raise refusal(409, "Not The Service's", detail)
        return file

    async def _found(self, request: Request) -> tuple[StoredSource | None, FailedFile | None]:
        """Return the requested file as it is in the index, and as it failed."""
        id_ = request.path_params["id"]
        if not _ID.fullmatch(id_):
            raise _unknown()
        tenant = caller(request).tenant
        stored = (await self._app.catalog.live_versions([id_], of=tenant.filters)).get(id_)
        failures = await self._app.ledger.failed_files()
        failed = next((one for one in failures if source_id(one.path) == id_), None)
        if (stored or failed) is None:
            raise _unknown()
        if not tenant.holds(_path(stored, failed)):
            raise _unknown()
        return stored, failed


async def list_files(app: Alir, tenant: Tenant, query: SourceListQuery) -> SourceListResponse:
    """Return one page of the files that a tenant sees."""
    # A file that is being updated has two versions: one is enough.
    held = {
        _text(one.path): one
        async for one in app.catalog.complete_versions(of=tenant.filters)
        if tenant.holds(one.path)
    }
    failures = {
        _text(one.path): one for one in await app.ledger.failed_files() if tenant.holds(one.path)
    }
    names = sorted(name for name in held.keys() | failures.keys() if name > query.after)
    shown = names[: query.limit]
    return SourceListResponse(
        files=[
            IndexedFile(id=held[name].source_id, file=name, chunks=held[name].chunks)
            for name in shown
            if name in held
        ],
        failed=[_failure(failures[name]) for name in shown if name in failures],
        next=shown[-1] if len(names) > len(shown) else None,
    )


def _path(stored: StoredSource | None, failed: FailedFile | None) -> Path:
    known = stored or failed
    assert known is not None  # noqa: S101  one of them was found
    return known.path


def _unknown() -> Exception:
    return refusal(404, "Not Found", "There is no such file.")


def _failure(one: FailedFile) -> FileFailure:
    return FileFailure.model_validate(
        {"id": source_id(one.path), **one.to_json(), "file": _text(one.path)}
    )


def _text(path: Path) -> str:
    """Return a path as text; a name on Linux may be no valid text."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _joined(chunks: "list[tuple[int, str]]") -> str:
    """Join chunks, each with its start, into one text; they may overlap."""
    parts: list[str] = []
    length = 0
    for start, text in sorted(chunks):
        gap = start - length
        parts.append(" " if gap == 1 else "\n" * gap)
        parts.append(text[max(0, length - start) :])
        length = max(length, start + len(text))
    return "".join(parts)
