"""Errors of alir's as problems: their status, and what a client reads."""

from alir.errors import (
    InvalidSetting,
    LanguageModelFailed,
    MilvusTimeout,
    NothingIngested,
    ServiceFileFailed,
)
from alir.server.problems import DEFECT, internal_problem, problem_of, refusal


def test_each_error_has_the_status_of_its_family() -> None:
    errors = (
        NothingIngested("notes"),
        MilvusTimeout("http://m", 5),
        LanguageModelFailed("m", "http://l", "it said no", retryable=True),
    )

    assert [problem_of(error).status for error in errors] == [409, 504, 502]
    assert problem_of(errors[0]).title == "Nothing Ingested"
    assert "notes" in problem_of(errors[0]).detail


def test_a_client_reads_nothing_of_what_an_operator_must_change() -> None:
    for error in (
        InvalidSetting("ALIR_ROOT", "is /hunter2", "Change it."),
        ServiceFileFailed("/hunter2/file", "is damaged", "keys"),
    ):
        problem = problem_of(error)

        assert problem.title == "Misconfigured"
        assert "hunter2" not in problem.detail


def test_an_unexpected_error_has_a_fixed_text() -> None:
    assert (internal_problem().status, internal_problem().detail) == (500, DEFECT)


def test_a_refusal_names_its_headers() -> None:
    refused = refusal(429, "Busy", "Later.", Retry_After="2")

    assert refused.headers == {"Retry-After": "2"}
    assert (refused.problem.status, refused.problem.title) == (429, "Busy")
