"""The models of ingestions, as clients send and see them."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from alir.server.schemas.base import ApiModel
from alir.server.schemas.problems import Problem
from alir.server.schemas.requests import RequestModel

Kind = Literal["ingest", "delete"]
State = Literal["queued", "running", "done", "failed", "cancelled"]


class IngestionRequest(RequestModel):
    """Files and folders to bring the index up to date with."""

    paths: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=100)]
    """Below the caller's folder; "." is all of it."""
    delete_many: bool = False
    """Whether more than half of the indexed files may be deleted."""
    rehash: bool = False
    """Whether files are read that have the size and times that they had."""


class Ingestion(ApiModel):
    """An ingestion or deletion of files, and how far it is."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Kind
    state: State
    paths: list[str]
    """Files and folders, below the caller's own."""
    delete_many: bool = False
    rehash: bool = False
    begun: str
    """When it was requested, in ISO 8601."""
    ended: str | None = None
    files: int | None = None
    """Below the paths; null until they are counted."""
    files_done: int = 0
    chunks_written: int = 0
    waiting: str | None = None
    """What it waits for, other than its turn."""
    report: dict[str, Any] | None = None
    """The result: the object that `alir ingest --json` prints."""
    problem: Problem | None = None
    """Why it failed."""

    @property
    def is_ended(self) -> bool:
        """Whether its state is final."""
        return self.state in {"done", "failed", "cancelled"}
