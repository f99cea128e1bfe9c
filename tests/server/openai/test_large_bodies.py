"""Large and hostile bodies of OpenAI's protocol: others are served meanwhile."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

MIB = 2**20
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
POST = """
import sys, httpx
with open(sys.argv[2], "rb") as file:
    answer = httpx.post(sys.argv[1], content=file.read(), timeout=60,
                        headers={"Content-Type": "application/json"})
print(answer.status_code)
"""


def chat(content: str, *, more: str = "") -> str:
    asked = '{"role": "user", "content": "Where do bees keep their honey?"}'
    said = f'{{"role": "assistant", "content": {content}}}'
    return f'{{"model": "alir", {more}"messages": [{said}, {asked}]}}'


def embed(given: str) -> str:
    return f'{{"model": "alir-embedding", "input": {given}}}'


_FIELDS = "".join(f'"{n}": 1, ' for n in range(30_000))
BODIES = {
    "a long history": (CHAT, chat(json.dumps("word, and: " * MIB)), 200),
    "escaped letters": (CHAT, chat(json.dumps("\u4e00" * 2 * MIB)), 200),
    "escaped quotes": (CHAT, chat('"' + r"\"" * 7 * MIB + '"'), 200),
    "backslashes": (CHAT, chat('"' + r"\\" * 7 * MIB + '"'), 200),
    "objects": (CHAT, chat('"a"', more='"metadata": [' + "{}," * 5 * MIB + "{}], "), 413),
    "keys": (CHAT, chat('"a"', more='"metadata": {' + '"a":1,' * 2 * MIB + '"a":1}, '), 413),
    "brackets": (CHAT, chat('"a"', more='"metadata": ' + "[" * 7 * MIB + ", "), 413),
    "parts": (CHAT, chat("[" + '{"type":"text"},' * 900_000 + '{"type":"text"}]'), 413),
    "what is no part": (CHAT, chat("[" + "1," * 90_000 + "1]"), 400),
    "what is no token": (EMBEDDINGS, embed("[1" + ',"a"' * 150_000 + "]"), 400),
    "unknown fields": (CHAT, chat('"a"', more=_FIELDS), 200),
    "deep": (EMBEDDINGS, embed("[" * 100_000 + "]" * 100_000), 400),
    "a batch": (EMBEDDINGS, embed(json.dumps(["a b " * 50] * 2048)), 200),
    "tokens": (EMBEDDINGS, embed(json.dumps([[9906] * 8000] * 37)), 200),
    "lists": (EMBEDDINGS, embed("[" + "[]," * 2 * MIB + "[]]"), 413),
}
"""Each with its path and the status of its answer."""


@pytest.mark.parametrize("name", BODIES)
async def test_others_are_answered_while_a_large_body_is_read(
    served: Any, desk: Path, name: str
) -> None:
    path, body, status = BODIES[name]
    await served.hold(served.client, bees="Bees keep their honey in combs of wax.")
    (desk / "body").write_text(body)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", POST, f"{served.url}{path}", str(desk / "body")),
        stdout=asyncio.subprocess.PIPE,
    )
    answered = asyncio.create_task(process.communicate())

    slowest_s = 0.0
    while not answered.done():
        began = time.perf_counter()
        assert (await served.client.get("/health/live")).status_code == 200
        slowest_s = max(slowest_s, time.perf_counter() - began)
        await asyncio.sleep(0.005)

    assert slowest_s < 1
    assert int(answered.result()[0]) == status


async def test_a_client_that_sends_slowly_holds_no_slot(serving: Any) -> None:
    async with serving(questions_at_once=1, questions_waiting=0) as served:
        await served.hold(served.client, bees="Bees keep their honey in combs of wax.")
        address = urlsplit(served.url)
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{"
        )
        writer.write(head.encode())
        await writer.drain()
        await asyncio.sleep(0.2)

        answer = await served.client.post(CHAT, json=json.loads(chat('"a"')))
        writer.close()

    assert answer.status_code == 200, answer.text
