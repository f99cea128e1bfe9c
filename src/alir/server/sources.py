"""The files that the index holds, and those that could not be taken in."""

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app import Alir
from alir.server.endpoint import Endpoint


class FileObject(BaseModel):
    """A file that the index holds."""

    file: str
    chunks: int


class FailureObject(BaseModel):
    """A file that could not be read or stored; what the index held of it before, it still does."""

    file: str
    reason: str
    attempts: int
    next_try: str
    """When `alir watch` or an ingestion tries it again, in ISO 8601."""


class FilesObject(BaseModel):
    """What the index holds."""

    files: list[FileObject]
    """By name."""
    failed: list[FailureObject]


class Files:
    """Tells of the files of one `Alir`."""

    def __init__(self, app: Alir) -> None:
        self._app = app

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        return [
            Endpoint(
                "GET",
                "/v1/sources",
                self.list,
                "read",
                "List the files",
                FilesObject,
                problems=(500, 503, 504),
            )
        ]

    async def list(self, _: Request) -> Response:
        """Answer with every file."""
        # Of a file that is just brought up to date there are two versions: one is enough.
        held = {str(one.path): one.chunks async for one in self._app.catalog.sources()}
        failures = await self._app.ledger.failures()
        files = [FileObject(file=file, chunks=held[file]) for file in sorted(held)]
        failed = [FailureObject.model_validate(one.to_json()) for one in failures]
        return JSONResponse(FilesObject(files=files, failed=failed).model_dump())
