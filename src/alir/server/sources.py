"""The files the index holds, and those that could not be read."""

from datetime import UTC, datetime

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app import Alir


class FileObject(BaseModel):
    """A file that the index holds."""

    file: str
    chunks: int


class FailureObject(BaseModel):
    """A file that could not be read, or stored; what the index held of it before stays."""

    file: str
    reason: str
    attempts: int
    next_try: datetime
