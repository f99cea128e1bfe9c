"""Problems in the shapes of RFC 9457, of OpenAI's API and of MCP."""

import json

import pytest
from starlette.requests import Request

from alir.server.schemas.problems import MCP_PATH, Problem

INVALID = Problem(
    title="Invalid Body",
    status=422,
    detail="/a/b: no.",
    errors=[{"at": "/a/b", "problem": "no"}],
)


def answered(problem: Problem, path: str) -> tuple[int, str, dict[str, object]]:
    request = Request({"type": "http", "path": path, "headers": [], "query_string": b""})
    response = problem.response(request)
    return response.status_code, response.headers["content-type"], json.loads(response.body)


def test_a_problem_is_problem_json() -> None:
    status, kind, body = answered(INVALID, "/v1/ask")

    assert (status, kind) == (422, "application/problem+json")
    assert body["errors"] == [{"at": "/a/b", "problem": "no"}]
    assert "type" not in body


@pytest.mark.parametrize(
    ("status", "answered_with", "kind"),
    [
        (422, 400, "invalid_request_error"),
        (429, 429, "rate_limit_exceeded"),
        (503, 503, "server_error"),
    ],
)
def test_openais_clients_get_openais_shape(status: int, answered_with: int, kind: str) -> None:
    problem = INVALID.model_copy(update={"status": status})
    code, _, body = answered(problem, "/v1/chat/completions")

    assert code == answered_with
    assert body == {
        "error": {"message": "/a/b: no.", "type": kind, "param": "a.b", "code": "invalid_body"}
    }


def test_hosts_of_mcp_get_json_rpc() -> None:
    status, _, body = answered(INVALID, MCP_PATH)

    assert status == 422
    assert body["error"] == {
        "code": -32600,
        "message": "/a/b: no.",
        "data": INVALID.model_dump(exclude_defaults=True),
    }
