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
)
from alir.server.auth.caller import Caller, found_caller
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


def problem_of(error: Exception, caller: Caller | None = None) -> Problem:
    """Return an error as a problem for a caller; None is any.

    Only the operator, who has an admin's key, reads of addresses, files and processes; the log
    has the whole, too. A defect's text is only logged.
    """
    if isinstance(error, ProblemException):
        return error.problem
    if isinstance(error, WorkflowCancelledByUser):
        return STOPPING
    if not isinstance(error, AlirError):
        _log.error("A question failed", exc_info=error)
        return internal_problem()
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    detail = error.told()
    if caller is not None and caller.is_operator:
        detail = str(error)
    return Problem(title=title_of(error), status=status, detail=detail)


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer an exception with its problem."""
    if isinstance(error, ProblemException):
        return error.problem.response(request, error.headers)
    if isinstance(error, AlirError):
        is_temporary = isinstance(error, DependencyError) and error.retryable
        headers = {"Retry-After": str(RETRY_AFTER_S)} if is_temporary else None
        return problem_of(error, found_caller(request)).response(request, headers)
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


def title_of(error: AlirError) -> str:
    """Return `NothingIngested` as "Nothing Ingested"; what an operator must change is one kind."""
    if error.public == ConfigError.public:
        return "Misconfigured"
    name = type(error).__name__
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).strip()
