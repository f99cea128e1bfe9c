"""Errors of the service: the exception, and the handler that answers with a problem."""

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from workflows.errors import WorkflowCancelledByUser

from alir.errors import (
    AlirError,
    ConfigError,
    DependencyError,
    InputError,
    LanguageModelFailed,
    MilvusTimeout,
    NothingIngested,
    RunInProgress,
    ServiceFileFailed,
)
from alir.server.schemas.problems import Problem

RETRY_AFTER_S = 5
"""After a failure that may be temporary."""
DEFECT = "Something in alir went wrong; the service's log has it."
"""The detail of an unexpected error."""
STOPPING = Problem(
    title="Stopping", status=503, detail="The service stops, and the answer with it. Ask again."
)

_log = logging.getLogger(__name__)

_STATUS: Mapping[type[AlirError], int] = {
    NothingIngested: 409,
    RunInProgress: 409,
    InputError: 422,
    MilvusTimeout: 504,
    LanguageModelFailed: 502,
    DependencyError: 503,
    ConfigError: 500,
}
"""By error or family; the first match counts."""


class ProblemException(Exception):
    """A problem that ends a request."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers


def problem_of(error: Exception) -> Problem:
    """Return an error as a problem for clients.

    The details of a defect, and of what an operator must change, are only logged.
    """
    if isinstance(error, ProblemException):
        return error.problem
    if isinstance(error, WorkflowCancelledByUser):
        return STOPPING
    if not isinstance(error, AlirError):
        _log.error("A question failed", exc_info=error)
        return internal_problem()
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    is_for_operators = isinstance(error, (ConfigError, ServiceFileFailed))
    if is_for_operators and not isinstance(error, RunInProgress):
        _log.error("%s", error)
        detail = "The service is not set up as it should be; its log says what to change."
        return Problem(title="Misconfigured", status=status, detail=detail)
    return Problem(title=_title(type(error)), status=status, detail=str(error))


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer an exception with its problem."""
    if isinstance(error, ProblemException):
        return error.problem.response(request, error.headers)
    if isinstance(error, AlirError):
        is_temporary = isinstance(error, DependencyError) and error.retryable
        headers = {"Retry-After": str(RETRY_AFTER_S)} if is_temporary else None
        return problem_of(error).response(request, headers)
    if isinstance(error, HTTPException):  # Starlette's: an unknown path, a wrong method
        problem = Problem(title=error.detail, status=error.status_code, detail=f"{error.detail}.")
        return problem.response(request, error.headers)
    return internal_problem().response(request)


def internal_problem() -> Problem:
    """Return the problem of an unexpected error; the log has the rest."""
    return Problem(title="Internal Error", status=500, detail=DEFECT)


def refusal(status: int, title: str, detail: str, **headers: str) -> ProblemException:
    """Return the exception that refuses a request; `Retry_After` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProblemException(Problem(title=title, status=status, detail=detail), named)


def _title(kind: type[AlirError]) -> str:
    """Return `NothingIngested` as "Nothing Ingested"."""
    return "".join(f" {c}" if c.isupper() else c for c in kind.__name__).strip()
