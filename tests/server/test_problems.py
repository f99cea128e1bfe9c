"""Errors of alir's as problems: their status, and what a client reads."""

from pathlib import Path

import pytest

from alir.errors import (
    InvalidSetting,
    LanguageModelFailed,
    LedgerFailed,
    MilvusFailed,
    MilvusTimeout,
    MilvusUnavailable,
    NothingIngested,
    RetrievalFailed,
    RunInProgress,
    ServiceFileFailed,
    SessionsFailed,
    StoreInUse,
)
from alir.server.auth.caller import Caller, Tenant
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


def test_the_operator_reads_the_whole_and_so_does_the_log(caplog: pytest.LogCaptureFixture) -> None:
    operator = Caller("k", "admin", Tenant("", Path("/r")))
    others = (
        None,
        Caller("k", "read", Tenant("", Path("/r"))),
        Caller("k", "admin", Tenant("ann", Path("/r/ann"))),
    )
    for error in (
        MilvusUnavailable("http://inner:1"),
        MilvusTimeout("http://inner:1", 5),
        MilvusFailed("http://inner:1", "search", "no", retryable=True),
        LanguageModelFailed("m", "http://inner:1", "it said no", retryable=True),
        RetrievalFailed([MilvusUnavailable("http://inner:1")]),
        RunInProgress("notes", what="alir ingest", pid=7, host="inner", held_s=1),
        LedgerFailed("/inner/l", "is full", "Make room.", retryable=True),
        SessionsFailed("/inner/s", "is full"),
        StoreInUse("/inner/milvus.db"),
    ):
        caplog.clear()
        assert "inner" in problem_of(error, operator).detail
        for caller in others:
            problem = problem_of(error, caller)
            assert "inner" not in problem.detail
            assert problem.detail.endswith(".")
        assert "inner" in caplog.text


def test_an_unexpected_error_has_a_fixed_text() -> None:
    assert (internal_problem().status, internal_problem().detail) == (500, DEFECT)


def test_a_refusal_names_its_headers() -> None:
    refused = refusal(429, "Busy", "Later.", Retry_After="2")

    assert refused.headers == {"Retry-After": "2"}
    assert (refused.problem.status, refused.problem.title) == (429, "Busy")
