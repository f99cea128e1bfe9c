"""`bench load` in its smallest form: two services on real ports, and no model."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load.askers import QuestionOutcomes, new_texts, open_loop
from benchmarks.load.bench import LoadOptions, measure_load
from benchmarks.load.view import load_charts, load_tables
from benchmarks.load.wire import Wire


def test_a_service_is_overloaded_while_it_ingests_and_says_429_not_5xx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea.txt").write_text(
        "Green tea is steeped for two minutes in the harbour of Lund, and no longer than that. "
        "The mayor of the city has never been seen there before the end of the winter season. "
    )
    options = LoadOptions(
        [Path("tea.txt")], seconds=1.5, askers=120, fake=True, sides=("alir", "llama_index")
    )

    found = asyncio.run(measure_load(options, lambda _: None))

    ours, theirs = found["sides"]["alir"], found["sides"]["llama_index"]
    assert ours["statuses"].keys() <= {"200", "429"}
    assert ours["server_errors"] == theirs["server_errors"] == 0
    assert 0 < ours["answered"] + ours["shed"] == ours["offered"] - ours["unsent"]
    assert 0 < ours["max_places"] <= found["places"]
    assert ours["max_line"] <= found["line"]
    assert ours["offered_per_s"] == theirs["offered_per_s"]
    assert ours["ingested"]["statuses"].keys() == {"202"}
    assert theirs["max_places"] is None
    assert all(one["rss_mib"]["max"] > one["milvus_rss_mib"]["max"] > 0 for one in (ours, theirs))
    asked, meanwhile = load_tables(found)
    assert [row[0] for row in asked.rows] == ["alir", "LlamaIndex behind Starlette"]
    assert len(meanwhile.rows[0]) == len(meanwhile.head)
    assert all(chart.groups for chart in load_charts(found))


@asynccontextmanager
async def answering(*replies: bytes) -> Any:
    """A server that gives each request the next reply, and closes the connection where it says."""
    left = list(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            size = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
            await reader.readexactly(int(size.split()[1]))
            reply = left.pop(0)
            writer.write(reply)
            await writer.drain()
            if b"close" in reply:
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def reply(status: int, body: str = "{}", more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_a_connection_that_was_closed_while_idle_is_opened_anew() -> None:
    closing = reply(200, '{"a": 1}', "X-Close: close\r\n")
    later = reply(429, more="Retry-After: 2\r\n")
    async with answering(closing, later) as url, Wire(url) as wire:
        first = await wire.post("/", {})
        second = await wire.get("/")

    assert (first.status, first.json()) == (200, {"a": 1})
    assert (second.status, second.headers["retry-after"]) == (429, "2")


async def test_what_no_asker_is_free_for_is_counted_and_not_sent() -> None:
    async with answering(reply(200, '{"sources": [1]}'), reply(500)) as url:
        asked: QuestionOutcomes = await open_loop(
            url, iter("abc" * 1000), askers=1, per_s=10_000, seconds=0.05
        )

    assert asked.offered > asked.unsent > 0
    assert asked.statuses[200] == 1
    assert asked.offered - asked.unsent == sum(asked.statuses.values())


def test_new_texts_are_all_different() -> None:
    texts: Iterator[str] = new_texts(["A short corpus of one sentence."])

    assert len({next(texts) for _ in range(10)}) == 10
