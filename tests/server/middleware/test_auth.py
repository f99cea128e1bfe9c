"""Who is let in: on every route there is."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from alir.storage import keys
from alir.storage.service_database import open_service_database

Walk = Callable[..., Awaitable[list[tuple[str, str, int]]]]
OPEN = {"/health/live", "/health/ready"}
UNKNOWN = [
    "/page",
    "/nope",
    "/v1",
    "/v1/ask/",
    "//v1/ask",
    "/health/live/",
    "/health%2f..%2fv1/sources",
]


async def test_a_walk_over_every_route_without_a_key_finds_only_the_health_routes_open(
    served: Any, walk: Walk
) -> None:
    served.secret()

    statuses = await walk(served.client)

    assert len(statuses) > 30
    assert {path for _, path, status in statuses if status != 401} == OPEN
    assert {status for _, path, status in statuses if path in OPEN} <= {200, 405}


async def test_nobody_learns_without_a_key_what_there_is(served: Any) -> None:
    open_to_all = [await served.client.get(path) for path in UNKNOWN]
    admin = await served.caller("admin")
    known = [await admin.get(path) for path in UNKNOWN]
    locked = [await served.client.get(path) for path in UNKNOWN]

    assert {answer.status_code for answer in (*open_to_all, *known)} == {404}
    for answer in locked:
        assert answer.status_code == 401, answer.url
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_no_key_in_use_is_refused(served: Any) -> None:
    secret = served.secret(name="one")
    given = [
        *("", "Bearer", "Bearer x", "Basic YTpi", "Bearer one", f"Basic {secret}", secret),
        *("Bearer alir_000000000000_" + "A" * 43, f"Bearer {secret}x", f"bearer{secret}"),
        *(f"Bearer {secret} {secret}", f"Bearer {secret[:-1]}", f"Bearer {secret.lower()}"),
    ]
    for header in given:
        refused = await served.client.get("/v1/sources", headers={"Authorization": header})
        assert refused.status_code == 401, header
        assert secret not in refused.text
    let_in = await served.client.get("/v1/sources", headers={"Authorization": f"bearer {secret}"})

    assert let_in.status_code == 200


async def test_a_key_that_is_revoked_is_refused_by_the_service_that_runs(served: Any) -> None:
    client = await served.caller()
    before = await client.get("/v1/sources")
    with open_service_database(served.path) as db:
        [key] = keys.list_all(db)
        keys.revoke(db, key.id)
    after = await client.get("/v1/sources")
    nobody = await served.client.get("/v1/sources")

    assert (before.status_code, after.status_code, nobody.status_code) == (200, 401, 401)


async def test_a_key_may_do_no_more_than_its_scope(served: Any) -> None:
    read, write = await served.caller("read"), await served.caller("write")
    needed = {one.path: one.scope for one in served.service.endpoints if one.method != "GET"}
    refused = [path for path, scope in needed.items() if scope == "write"]

    answers = {
        (one.method, one.path): (
            (await read.request(one.method, one.path)).status_code,
            (await write.request(one.method, one.path)).status_code,
        )
        for one in served.service.endpoints
        if one.scope == "write"
    }

    assert refused
    assert {first for first, _ in answers.values()} == {403}
    assert 403 not in {second for _, second in answers.values()}


async def test_without_keys_only_loopback_is_open(serving: Callable[..., Any]) -> None:
    async with serving(only_loopback=False) as served:
        answer = await served.client.get("/v1/sources")

    assert answer.status_code == 401


async def test_a_service_that_cannot_read_its_keys_lets_nobody_in(served: Any) -> None:
    await served.client.get("/v1/sources")
    client = await served.caller()
    with open_service_database(served.path) as db:
        db.execute("DROP TABLE key")

    answers = [await one.get("/v1/sources") for one in (client, served.client)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert str(served.path) not in answers[0].text


async def test_a_wrong_method_says_which_there_are(served: Any) -> None:
    answer = await served.client.put("/v1/sources/x")

    assert answer.status_code == 405
    assert {*answer.headers["allow"].split(", ")} == {"GET", "HEAD", "DELETE"}


async def test_a_question_of_read_scope_says_that_it_is_one(served: Any) -> None:
    forgotten = [
        one.path
        for one in served.service.endpoints
        if one.method == "POST" and one.scope == "read" and not one.is_question
    ]

    assert {*forgotten} == {
        # What is said of a question that was asked already.
        "/v1/agent/{id}/meaning",
        "/v1/answers/{id}/feedback",
        # Those that begin a run take a place beyond their answer (test_runs.py).
        "/workflows/workflows/{name}/run",
        "/workflows/workflows/{name}/run-nowait",
        "/workflows/handlers/{handler_id}/cancel",
        "/workflows/events/{handler_id}",
    }


def _truncate(path: Path) -> None:
    path.write_bytes(b"")


def _truncate_and_open(path: Path) -> None:
    path.write_bytes(b"")
    with open_service_database(path) as db:  # as `alir keys list` does, which makes its tables
        keys.list_all(db)


def _replace(path: Path) -> None:
    other = path.with_name("other.service")
    with open_service_database(other):
        pass
    other.replace(path)


def _empty(path: Path) -> None:
    with open_service_database(path) as db:
        db.execute("DELETE FROM key")


@pytest.mark.parametrize("lose", [_truncate, _truncate_and_open, _replace, _empty, Path.unlink])
async def test_a_file_that_is_lost_under_a_running_service_does_not_open_it(
    served: Any, lose: Callable[[Path], object]
) -> None:
    client = await served.caller()
    before = await client.get("/v1/sources")
    lose(served.path)
    answers = [await one.get("/v1/sources") for one in (served.client, client)]
    ready = await served.client.get("/health/ready")

    assert before.status_code == 200
    assert {answer.status_code for answer in answers} <= {401, 503}
    assert (ready.status_code, ready.json()["dependencies"]["keys"]["status"]) == (503, "down")


async def test_a_file_that_is_put_back_under_a_running_service_is_read(served: Any) -> None:
    client, other = await served.caller(), await served.caller()
    await client.get("/v1/sources")
    copy = served.path.read_bytes()
    _replace(served.path)
    lost = await client.get("/v1/sources")
    served.path.with_name("copy").write_bytes(copy)
    served.path.with_name("copy").replace(served.path)
    with open_service_database(served.path) as db:
        keys.revoke(db, keys.list_all(db)[-1].id)
    answers = [(await one.get("/v1/sources")).status_code for one in (client, other)]

    assert lost.status_code == 401
    assert sorted(answers) == [200, 401]


async def test_a_running_service_is_opened_by_the_explicit_word_alone(served: Any) -> None:
    await served.caller()
    closed = await served.client.get("/v1/sources")
    with open_service_database(served.path) as db:
        keys.delete_all(db)
    opened = await served.client.get("/v1/sources")

    assert (closed.status_code, opened.status_code) == (401, 200)
