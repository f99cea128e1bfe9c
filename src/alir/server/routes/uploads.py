"""Uploads: streamed to drafts on the disk; only complete files get their names."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.models.files import source_id
from alir.server.auth.caller import caller
from alir.server.auth.tenant_files import is_inside, safe_name
from alir.server.ingestion_queue import IngestionQueue
from alir.server.limits.disk_quota import DiskQuota
from alir.server.problems import ProblemException, refusal
from alir.server.routes.drafts import open_draft
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel
from alir.server.schemas.ingestions import Ingestion
from alir.settings import Settings

PATH = "/v1/files"
MAX_FIELDS = 100
"""Fields of a form besides its files; they are ignored."""
_FORM_BYTES = 64 * 1024
"""The bytes of a form besides those of its files."""
_MIB = 1024 * 1024


class UploadedFile(ApiModel):
    """An uploaded file."""

    file: str
    """The file name, below the caller's folder."""
    source: str
    """The id of its source."""
    size_bytes: int


class UploadResponse(ApiModel):
    """Uploaded files: they are on the disk, and are ingested even after a crash."""

    files: list[UploadedFile]
    ingestion: Ingestion


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The limits of an upload."""

    file_bytes: int
    all_bytes: int
    files: int
    tenant_bytes: int | None
    """Of all files in a tenant's folder."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "UploadLimits":
        """Return the limits that the settings give."""
        return cls(
            settings.upload_file_mib * _MIB,
            settings.upload_mib * _MIB,
            settings.upload_files,
            settings.tenant_mib * _MIB or None,
        )

    @property
    def body_bytes(self) -> int:
        """The limit of the whole body."""
        return self.all_bytes + _FORM_BYTES


class UploadRoutes:
    """The endpoint of uploads."""

    def __init__(self, queue: IngestionQueue, limits: UploadLimits) -> None:
        self._queue = queue
        self._limits = limits

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "POST",
                PATH,
                self.upload,
                "write",
                "Upload files",
                UploadResponse,
                status=202,
                max_body_bytes=self._limits.body_bytes,
                uploads=True,
                problems=(409, 507),
            )
        ]

    async def upload(self, request: Request) -> Response:
        """Store the files of a form and ingest them. A file of the same name is replaced.

        When the response comes, they are on the disk, and are ingested even after a crash. If one
        file is refused, none is stored.
        """
        tenant = caller(request).tenant
        self._queue.check_capacity(tenant)
        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            detail = "Send a form with files, as multipart/form-data."
            raise refusal(415, "Unsupported Media Type", detail)
        if not await asyncio.to_thread(is_inside, tenant.folder, tenant):
            raise refusal(409, "Not A Folder", "Your folder is a link to elsewhere.")
        max_bytes = self._limits.tenant_bytes if tenant.name else None
        quota = await asyncio.to_thread(DiskQuota, tenant.folder, max_bytes)
        form = _Form(tenant.folder, self._limits, quota)
        try:
            parser = _parser(boundary, form)
            async for piece in request.stream():
                await asyncio.to_thread(parser.write, piece)
            if not form.is_whole:
                raise refusal(400, "Bad Request", "The form has no end.")
            if not form.parts:
                raise refusal(422, "Invalid Body", "The form has no file.")
            await asyncio.to_thread(form.sync)
            paths = [part.path for part in form.parts]
            ingestion = await self._queue.submit(tenant, "ingest", paths, change=form.place)
        except FormParserError as error:
            detail = "The form is damaged."
            raise refusal(400, "Bad Request", detail) from error
        except OSError as error:
            raise _disk_failed(error) from error
        finally:
            form.discard()
        files = [
            UploadedFile(file=one.path.name, source=source_id(one.path), size_bytes=one.size_bytes)
            for one in form.parts
        ]
        answer = UploadResponse(files=files, ingestion=ingestion)
        where = {"Location": f"/v1/ingestions/{ingestion.id}"}
        return JSONResponse(answer.model_dump(mode="json"), status_code=202, headers=where)


@dataclass(slots=True)
class _Part:
    """A file of a form, written to a draft until it is complete."""

    path: Path
    draft: Path
    file: BinaryIO
    size_bytes: int = 0


class _Form:
    """Handles the parser's callbacks; it blocks on the disk, so it runs off the event loop."""

    def __init__(self, folder: Path, limits: UploadLimits, quota: DiskQuota) -> None:
        self._folder = folder
        self._limits = limits
        self._quota = quota
        self._size_bytes = 0
        self._fields = self._field_bytes = 0
        """Parts that are no files, and the bytes of their contents."""
        self._header = ("", "")
        self._disposition = ""
        self._current: _Part | None = None
        self.parts: list[_Part] = []
        self.is_whole = False

    def begin(self) -> None:
        """Begin a part."""
        self._header, self._disposition, self._current = ("", ""), "", None

    def header_name(self, piece: str) -> None:
        """Add to the name of a header."""
        self._header = (self._header[0] + piece, self._header[1])

    def header_value(self, piece: str) -> None:
        """Add to the value of a header."""
        self._header = (self._header[0], self._header[1] + piece)

    def header_end(self) -> None:
        """End a header."""
        name, value = self._header
        if name.lower() == "content-disposition":
            self._disposition = value
        self._header = ("", "")

    def headers_end(self) -> None:
        """End the headers of a part: open a draft if it is a file; other fields are ignored."""
        _, options = parse_options_header(self._disposition)
        given = options.get(b"filename")
        if given is None:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                detail = f"A form may bring {MAX_FIELDS} fields besides its files."
                raise refusal(413, "Content Too Large", detail)
            return
        if len(self.parts) == self._limits.files:
            detail = f"A request may bring {self._limits.files} files."
            raise refusal(413, "Content Too Large", detail)
        # Browsers write UTF-8; the parser has read bytes as Latin-1.
        path = self._folder / safe_name(given.decode("utf-8", "replace"))
        if any(other.path == path for other in self.parts):
            raise refusal(422, "Unusable Name", f"Two files are called {path.name}.")
        if path.is_dir() or path.is_symlink():
            raise refusal(409, "Unusable Name", f"{path.name} exists, and is not a file.")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._quota.count_replaced(path)
        self._current = _Part(path, *open_draft(self._folder))
        self.parts.append(self._current)

    def write(self, piece: bytes) -> None:
        """Write to the draft of the part."""
        part = self._current
        if part is None:
            self._field_bytes += len(piece)
            if self._field_bytes > _FORM_BYTES:
                detail = f"The fields of a form have at most {_FORM_BYTES} bytes."
                raise refusal(413, "Content Too Large", detail)
            return
        part.size_bytes += len(piece)
        if part.size_bytes > self._limits.file_bytes:
            detail = f"{part.path.name} has more than {self._limits.file_bytes} bytes."
            raise refusal(413, "Content Too Large", detail)
        self._size_bytes += len(piece)
        self._quota.check_upload(self._size_bytes)
        part.file.write(piece)

    def end(self) -> None:
        """End the form."""
        self.is_whole = True

    def sync(self) -> None:
        """Write every draft to the disk."""
        for part in self.parts:
            part.file.flush()
            os.fsync(part.file.fileno())
        self._quota.check_folder()

    def place(self) -> None:
        """Give every file its name."""
        for part in self.parts:
            part.draft.replace(part.path)
        _sync_folder(self._folder)
        _sync_folder(self._folder.parent)

    def discard(self) -> None:
        """Delete the drafts; it does not wait for the disk, nor for a thread that may be refused.

        First the names: what is not written yet need not be.
        """
        for part in self.parts:
            with suppress(OSError):
                part.draft.unlink()
            with suppress(OSError):  # a full disk does not take the rest
                part.file.close()


def _parser(boundary: bytes, form: _Form) -> MultipartParser:
    return MultipartParser(
        boundary,
        {
            "on_part_begin": form.begin,
            "on_header_field": lambda data, at, to: form.header_name(data[at:to].decode("latin-1")),
            "on_header_value": lambda data, at, to: form.header_value(
                data[at:to].decode("latin-1")
            ),
            "on_header_end": form.header_end,
            "on_headers_finished": form.headers_end,
            "on_part_data": lambda data, at, to: form.write(data[at:to]),
            "on_end": form.end,
        },
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_failed(error: OSError) -> ProblemException:
    return refusal(507, "Insufficient Storage", f"The disk refused it: {error.strerror}.")
