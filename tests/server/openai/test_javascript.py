"""OpenAI's client for JavaScript, in Node and in a browser on a page of another origin."""

import asyncio
import functools
import json
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import async_playwright

from tests.server.openai.conftest import BEES
from tests.server.routes.test_page import CHROMIUM, FLAGS

FOLDER = Path(__file__).with_name("javascript")
NODE = shutil.which("node")

Run = Callable[[str, dict[str, str]], Awaitable[dict[str, Any]]]
"""Runs a program of `using.mjs` with the options of a client, and returns what it got."""

pytestmark = pytest.mark.skipif(
    not (FOLDER / "node_modules").is_dir(), reason="no OpenAI client for JavaScript: make browser"
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def pages() -> Iterator[str]:
    """The origin of a server of the folder's files."""
    handler = functools.partial(_Quiet, directory=str(FOLDER))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@asynccontextmanager
async def in_node(_: str) -> AsyncIterator[Run]:
    """Run programs in Node."""
    path = NODE
    if path is None:
        pytest.skip("no Node: make browser")

    async def run(program: str, options: dict[str, str]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *(path, "node.mjs", program, json.dumps(options)),
            cwd=FOLDER,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        found: dict[str, Any] = json.loads(out)
        return found

    yield run


@asynccontextmanager
async def in_browser(pages: str) -> AsyncIterator[Run]:
    """Run programs on a page of `pages` in Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: make browser")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await chromium.new_page()
        await page.goto(f"{pages}/page.html")
        await page.wait_for_function("window.run !== undefined")

        async def run(program: str, options: dict[str, str]) -> dict[str, Any]:
            found: dict[str, Any] = await page.evaluate(
                "([program, options]) => window.run(program, options)", [program, options]
            )
            return found

        yield run
        await chromium.close()


@pytest.fixture(params=[in_node, in_browser])
async def run(request: pytest.FixtureRequest, pages: str) -> AsyncIterator[Run]:
    async with request.param(pages) as chosen:
        yield chosen


async def test_a_program_gets_all_that_it_asks_for(serving: Any, pages: str, run: Run) -> None:
    async with serving(cors_origins=pages) as served:
        await served.hold(served.client, bees=BEES)
        options = {"baseURL": f"{served.url}/v1", "apiKey": served.secret("read")}
        got = await run("using", options)
        expected = [served.alir.embedding.get_text_embedding(text) for text in ("wax", "egg")]

    assert got["models"] == ["alir", "alir-agent", "alir-embedding"]
    assert "combs of wax. [1]" in got["whole"]["content"]
    assert got["whole"]["citations"]
    assert got["request_id"]
    *pieces, last, usage = got["stream"]
    text = "".join(one["choices"][0]["delta"].get("content", "") for one in [*pieces, last])
    assert text == got["whole"]["content"]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] > 0
    assert got["follow_up"]["content"] == got["whole"]["content"]
    assert got["follow_up"]["degraded"]
    for vectors in (got["by_default"], got["as_floats"]):
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
    refused = {name: (got[name]["kind"], got[name]["status"]) for name in got if name[:3] == "no_"}
    assert refused == {
        "no_such_model": ("NotFoundError", 404),
        "no_json": ("BadRequestError", 400),
        "no_key": ("AuthenticationError", 401),
    }
    assert got["no_json"]["param"] == "response_format"


async def test_a_program_is_told_what_fails(serving: Any, pages: str, run: Run) -> None:
    async with serving(cors_origins=pages, requests_per_minute=2) as served:
        options = {"baseURL": f"{served.url}/v1", "apiKey": served.secret("read")}
        got = await run("failing", options)

    assert (got["whole"]["kind"], got["whole"]["status"]) == ("ConflictError", 409)
    assert got["stream"]["kind"] == "APIError"
    assert "ingest" in got["stream"]["message"]
    assert got["too_many"]["kind"] == "RateLimitError"
    assert int(got["too_many"]["headers"]["retry-after"]) > 0


async def test_a_page_of_an_origin_that_was_not_named_gets_nothing(
    serving: Any, pages: str
) -> None:
    async with in_browser(pages) as run, serving(cors_origins="https://page.example") as served:
        options = {"baseURL": f"{served.url}/v1", "apiKey": served.secret("read")}
        got = await run("failing", options)

    assert {one["kind"] for one in got.values()} == {"APIConnectionError"}
    assert pages not in got["whole"]["message"]
