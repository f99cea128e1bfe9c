"""The files that the index holds, and those that could not be taken in."""

import asyncio
import re
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
from alir.server.auth.tenant_files import is_own
from alir.server.bodies import RequestModel, read_query
from alir.server.ingestion_queue import IngestionQueue, answered
from alir.server.ingestions import Ingestion
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel

_ID = re.compile(r"[0-9a-f]{32}")
MOST = 1000
"""Files of a page."""


class FileObject(ApiModel):
    """A file that the index holds."""

    id: str
    file: str
    chunks: int


class FailureObject(ApiModel):
    """A file that could not be read or stored; what the index held of it before, it still does."""

    id: str
    file: str
    reason: str
    attempts: int
    next_try: str
    """When `alir watch` or an ingestion tries it again, in ISO 8601."""


class FilesObject(ApiModel):
    """What the index holds, and what could not be taken in; both by name."""

    files: list[FileObject]
    failed: list[FailureObject]
    next: str | None
    """What the next page is asked for with, as `after`; null if this is the last one."""


class FilesQuery(RequestModel):
    """Which part of the files."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST
    """The most to answer with: of names, whether they are held, or failed, or both."""
    after: Annotated[str, Field(max_length=8192)] = ""
    """The file that the page before ended with; those that follow it by name are told."""


class SourceState(ApiModel):
    """A file: what the index holds of it, and what became of the last attempt to take it in."""

    id: str
    file: str
    chunks: int
    """0 where it has never been taken in."""
    failure: FailureObject | None
    """Why it could not be taken in as it is now."""


class SourceRoutes:
    """Tells of the files of one `Alir`, and has them deleted or tried again."""

    def __init__(self, app: Alir, ingesting: IngestionQueue) -> None:
        self._app = app
        self._ingesting = ingesting

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        passing = (503, 504)
        one = "/v1/sources/{id}"
        return [
            Endpoint(
                "GET",
                "/v1/sources",
                self.list,
                "read",
                "List the files",
                FilesObject,
                query=FilesQuery,
                problems=passing,
            ),
            Endpoint("GET", one, self.look, "read", "One file", SourceState, problems=passing),
            Endpoint(
                "GET",
                f"{one}/text",
                self.text,
                "read",
                "The text of a file",
                "text/plain",
                problems=passing,
            ),
            Endpoint(
                "DELETE",
                one,
                self.delete,
                "write",
                "Delete a file",
                Ingestion,
                status=202,
                problems=(409, *passing),
            ),
            Endpoint(
                "POST",
                f"{one}/retry",
                self.retry,
                "write",
                "Ingest a file that failed once more",
                Ingestion,
                status=202,
                problems=(409, *passing),
            ),
        ]

    async def list(self, request: Request) -> Response:
        """Answer with the files that the caller sees, by name, a page at a time."""
        query = read_query(request, FilesQuery)
        page = await files_of(self._app, caller(request).tenant, query)
        return JSONResponse(page.model_dump())

    async def look(self, request: Request) -> Response:
        """Answer with one file: how many chunks are held of it, and why it failed if it did."""
        stored, failed = await self._found(request)
        state = SourceState(
            id=request.path_params["id"],
            file=_text(_path(stored, failed)),
            chunks=stored.chunks if stored else 0,
            failure=_failure(failed) if failed else None,
        )
        return JSONResponse(state.model_dump())

    async def text(self, request: Request) -> Response:
        """Answer with a file's text as the index holds it.

        A citation's quote stands in it from its start to its end, counted in code points. White
        space that no chunk holds may be another here.
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

    async def delete(self, request: Request) -> Response:
        """Delete a file below the caller's folder at once, and its chunks in their turn."""
        tenant = caller(request).tenant
        file = await self._own(request, tenant)
        self._ingesting.refuse_if_full()
        return answered(await self._ingesting.take_on(tenant, "delete", [file]))

    async def retry(self, request: Request) -> Response:
        """Ingest a file once more that could not be taken in."""
        tenant = caller(request).tenant
        file = await self._own(request, tenant)
        self._ingesting.refuse_if_full()
        return answered(await self._ingesting.take_on(tenant, "ingest", [file]))

    async def _own(self, request: Request, tenant: Tenant) -> Path:
        """The file that is asked for, which must lie below the tenant's folder."""
        file = _path(*await self._found(request))
        if not await asyncio.to_thread(is_own, file, tenant):
            detail = "The file is not below the service's folder: it can only be done there."
            raise refusal(409, "Not The Service's", detail)
        return file

    async def _found(self, request: Request) -> tuple[StoredSource | None, FailedFile | None]:
        """The file that is asked for, as the index holds it and as it failed."""
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


async def files_of(app: Alir, tenant: Tenant, query: FilesQuery) -> FilesObject:
    """Return a page of the files that a tenant sees."""
    # Of a file that is just brought up to date there are two versions: one is enough.
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
    return FilesObject(
        files=[
            FileObject(id=held[name].source_id, file=name, chunks=held[name].chunks)
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


def _failure(one: FailedFile) -> FailureObject:
    return FailureObject.model_validate(
        {"id": source_id(one.path), **one.to_json(), "file": _text(one.path)}
    )


def _text(path: Path) -> str:
    """The path as text: a name on Linux need not be any."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _joined(chunks: "list[tuple[int, str]]") -> str:
    """The text of which each chunk has a stretch, from a character on; they may overlap."""
    parts: list[str] = []
    length = 0
    for start, text in sorted(chunks):
        gap = start - length
        parts.append(" " if gap == 1 else "\n" * gap)
        parts.append(text[max(0, length - start) :])
        length = max(length, start + len(text))
    return "".join(parts)
