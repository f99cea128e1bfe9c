"""A corpus of hostile requests: each is refused with its status, and the service goes on."""

import asyncio
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

OUTSIDE = "a secret that lies outside"

PATHS = [
    *("../outside.txt", "../../etc/passwd", "../" * 40 + "etc/passwd", "a/../../outside.txt"),
    *("./../outside.txt", "../documents/../outside.txt", "..", "../", "/", "//", "/.."),
    *("/etc/passwd", "//etc/passwd", "/proc/self/environ", "/proc/self/root", "/dev/zero"),
    *("/dev/stdin", "/proc/self/fd/0", "/sys", "/root/.ssh/id_rsa", "/var/log"),
    *(".env", ".git/config", ".ssh", "a/.env", ".alir-upload-00", ".", "./.env"),
    *("link", "link/outside.txt", "to-root/etc/passwd", "to-root", "dangling", "loop", "loop/loop"),
    *("\0", "a\0b", "../\0", "outside.txt\0.pdf", "/etc/passwd\0.txt"),
]
"""Those that lead out, or to what is hidden; "." is put in to be taken out again."""
ABSENT = [
    *("~", "~root", "~/.ssh", "$HOME", "${HOME}", "%2e%2e/outside.txt", "..%2foutside.txt"),
    *("..\\outside.txt", "..\\..\\etc\\passwd", "C:\\Windows", "\\\\host\\share", "file:///etc"),
    *("http://169.254.169.254/latest/meta-data", "https://evil.example/x.pdf", "ftp://127.0.0.1/"),
    *("gopher://127.0.0.1:6379/_INFO", "http://localhost:19530", "http://[::1]/", "//evil.example"),
    *("data:text/plain,hello", "jar:file:///a.zip!/b", "*", "?", "[a-z]*", "; rm -rf /", "$(id)"),
    *("`id`", "| cat /etc/passwd", "&& id", "a\nb", "a\r\nSet-Cookie: x=1", "-rf", "--delete"),
    *("' OR 1=1 --", '" or doc_id != "', "'; DROP TABLE ingestion; --", "{{7*7}}", "${7*7}"),
    *("<script>alert(1)</script>", "%00", "%0d%0a", "\u202e", "\ufeff", "a" * 3000, "a/" * 2000),
    *("\u2025/outside.txt", "\uff0e\uff0e/outside.txt", "\u2215etc\u2215passwd"),
]
"""Those that mean nothing to a file system: no name is there like them."""
NAMES = [
    *("../../x.txt", "..\\..\\x.txt", "/etc/x.txt", "C:\\x.txt", "\\\\host\\share\\x.txt"),
    *("....//....//x.txt", "..;/x.txt", "%2e%2e%2fx.txt", "x.txt/", "x.txt/.", "a/b/c/x.txt"),
    *("x\0.txt", "\0.txt", "x.txt\0.exe", "x\n.txt", "x\r\nX-Evil: 1\r\n.txt", "x\x1b[31m.txt"),
    *("\u202etxt.exe", "x\u202e.txt", "\ufeffx.txt", "<script>.txt", '"><svg onload=alert(1)>.txt'),
    *("x';alert(1)//.txt", "$(id).txt", "`id`.txt", "| id.txt", "; rm -rf ~.txt", "--help.txt"),
    *("-rf.txt", "~.txt", "*.txt", "?.txt", "[a].txt", "con.txt", "nul.txt", "aux.md", "x:y.txt"),
    *("{{7*7}}.txt", "%s%n.txt", "' OR '1'='1.txt", "x" * 5000 + ".txt", "\u65e5" * 999 + ".md"),
    *(".htaccess.txt", "...txt", ". .txt", " .txt", ".alir-upload-0.txt", ".env.txt", "a..txt"),
    *("x.exe", "x.php.png", "x.sh.zip", "x.so", "x.pdf.exe", "", ".", "..", "...", "/", "x", "x."),
]
IDS = [
    *("..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "x" * 5000, "0" * 33, "0" * 31, "G" * 32),
    *("' or '1'='1", '" or doc_id != "', '"] or doc_id not in ["', "0' --", "%", "_", "*", "\\"),
    *(
        "\0",
        "a\nb",
        "a\r\nb",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${x}",
        "\u202e",
        "-1",
        "1e9",
    ),
    *("null", "undefined", "NaN", "true", "[]", "{}", "A" * 32, "\uff10" * 32, "0" * 32 + "\n"),
]
BODIES: list[bytes] = [
    *(b"", b"{", b"}", b"[", b"null", b"true", b"1", b'"a"', b"[]", b"{}", b"\0", b"\xff\xfe{}"),
    *(b"{" * 50_000, b"[" * 50_000, b'{"a":' * 10_000, b'{"question":1e999999}', b"NaN"),
    *(b'{"question":null}', b'{"question":[]}', b'{"question":{}}', b'{"question":true}'),
    *(b'{"question":""}', b'{"question":" \\n\\t"}', b'{"question":"' + b"a" * 9_000 + b'"}'),
    *(b'{"question":"a","top_k":-1}', b'{"question":"a","top_k":1e9}', b'{"question":"a","x":1}'),
    *(b'{"question":"a","top_k":"5"; DROP}', b'{"question":"\\ud800"}', b'{"question":"\xff"}'),
    *(b'{"question":"a","filters":[]}', b'{"question":"a","tenant":"acme"}', b"question=a"),
    *(b'{"question":"a","__proto__":{}}', b'{"question":"a","top_k":1.5}', b"<a/>", b"---\na: 1"),
]
RAW = [
    b"GET / HTTP/9.9\r\n\r\n",
    b"G" * 100_000,
    b"GET /v1/sources HTTP/1.1\r\n\r\n",
    b"GET /v1/sources HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET /v1/sources HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET /v1/sources HTTP/1.1\r\nHost: localhost\r\n" + b"X: aaaaaaa\r\n" * 10_000 + b"\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET /health/live?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nX: a\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    b"GET /v1/sources HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\rb\r\n\r\n",
    b"GET /v1/sources HTTP/1.1\r\nHost: localhost\r\nX Y: 1\r\n\r\n",
    b"GET http://evil.example/v1/sources HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nab",
    b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\0\0\0\0\r\n\r\n",
]
"""Sent as they are; what has an answer at all has a 4xx or a 505."""


def test_the_corpus_has_200_of_them_and_none_twice() -> None:
    corpora: list[list[Any]] = [PATHS, ABSENT, NAMES, IDS, BODIES, RAW]

    assert sum(map(len, corpora)) >= 200
    assert all(len(set(one)) == len(one) for one in corpora)


async def test_no_path_leads_out_of_the_folder(served: Any, desk: Path) -> None:
    (desk / "outside.txt").write_text(OUTSIDE)
    (served.root / "a").mkdir()
    (served.root / "a.txt").write_text("A file that may be read.")
    (served.root / "link").symlink_to(desk)
    (served.root / "to-root").symlink_to("/")
    (served.root / "dangling").symlink_to("/nowhere/at/all")
    (served.root / "loop").symlink_to(served.root / "loop")
    statuses = {}
    for path in [path for path in (*PATHS, *ABSENT) if path != "."]:
        answer = await served.client.post("/v1/ingestions", json={"paths": [path]})
        statuses[path] = answer.status_code
        assert OUTSIDE not in answer.text
    allowed = await served.client.post("/v1/ingestions", json={"paths": ["."]})
    await served.ended(served.client, allowed.json())
    listed = (await served.client.get("/v1/sources")).json()["files"]

    assert {path: s for path, s in statuses.items() if s not in {403, 422}} == {}
    # A link to itself is in the folder, and nothing.
    assert {path for path in PATHS if path != "." and statuses[path] != 403} <= {
        "loop",
        "loop/loop",
    }
    assert [one["file"] for one in listed] == [str(served.root / "a.txt")]


async def test_no_uploads_name_leads_out_or_does_harm(served: Any, desk: Path) -> None:
    before = {path for path in desk.rglob("*") if served.root not in path.parents}
    kept, refused = [], []
    for name in NAMES:
        shown = name.encode("utf-8", "surrogateescape").replace(b'"', b'\\"')
        if b"\r" in shown or b"\n" in shown or b"\0" in shown:
            shown = shown.replace(b"\r", b"%0D").replace(b"\n", b"%0A")
        head = b'Content-Disposition: form-data; name="file"; filename="%s"' % shown
        body = b"--b\r\n" + head + b"\r\n\r\nx\r\n--b--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await served.client.post("/v1/files", content=body, headers=kind)
        if answer.status_code == 202:
            kept += [one["file"] for one in answer.json()["files"]]
        else:
            refused.append((name, answer.status_code))
    after = {path for path in desk.rglob("*") if served.root not in path.parents}

    assert {status for _, status in refused} <= {400, 415, 422}
    assert len(kept) + len(refused) == len(NAMES)
    own = {path for path in after if path.name.lstrip(".").startswith("ledger")}
    assert after - before <= own
    assert {path.name for path in served.root.iterdir()} == {*kept}
    assert all(Path(name).name == name and not name.startswith(".") for name in kept)
    assert all(name.isprintable() and not {*'<>:"|?*\\/'} & {*name} for name in kept)
    assert all(len(os.fsencode(name)) <= 255 for name in kept)


async def test_no_id_finds_what_it_is_not(served: Any) -> None:
    await served.hold(served.client, a="A file that is there.")
    paths = ["/v1/sources/{}", "/v1/sources/{}/text", "/v1/ingestions/{}"]
    paths += [f"/workflows/{part}/{{}}" for part in ("handlers", "results", "events")]
    for id_ in IDS:
        quoted = quote(id_, safe="").replace(".", "%2E")
        answers = await asyncio.gather(*(served.client.get(one.format(quoted)) for one in paths))
        for path, answer in zip(paths, answers, strict=True):
            assert answer.status_code == 404, (path, id_)
            assert "script" not in answer.text
        deleted = await served.client.delete(f"/v1/sources/{quote(id_, safe='')}x")
        assert deleted.status_code == 404

    assert len((await served.client.get("/v1/sources")).json()["files"]) == 1


async def test_no_body_is_taken_for_what_it_is_not(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    statuses = set()
    for path in ("/v1/ask", "/v1/ingestions", "/workflows/workflows/ask/run-nowait"):
        for body in BODIES:
            answer = await served.client.post(path, content=body, headers=kind)
            statuses.add(answer.status_code)
            assert answer.status_code in {400, 422}, (path, body[:80], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"

    assert statuses == {400, 422}


async def test_what_is_hardly_http_is_refused_and_the_next_is_served(served: Any) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    answers = []
    for raw in RAW:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(raw)
        writer.write_eof()
        async with asyncio.timeout(20):
            try:
                line = await reader.readline()
            except ConnectionError:
                line = b""
        writer.close()
        answers.append((raw[:60], line))
        assert not line or line.split()[1][:1] == b"4" or line.split()[1] == b"505", answers[-1]
        assert (await served.client.get("/health/live")).status_code == 200

    assert sum(1 for _, line in answers if line) > len(RAW) / 2
