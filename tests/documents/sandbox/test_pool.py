"""The pool: a file that ends its parser, or asks too much of it, fails alone and says why."""

import asyncio
import os
import re
import signal
import sys
import time
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

import psutil
import pytest

from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.pool import ParserPool
from alir.errors import ParserUnavailable, UnreadableFile
from alir.models.reading import Reading
from alir.ports import ReadDocument
from tests.forked import in_child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="all limits hold on Linux alone")

Ask = Callable[..., Coroutine[None, None, Reading]]
Read = Callable[..., Awaitable[list[str]]]
Obedient = Callable[[str], Path]
Parsers = Callable[[], list[psutil.Process]]

HONEY = "Bees make honey."
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx_of_elements(path: Path) -> Path:
    """A file of some 50 KB: 40 MB of empty paragraphs."""
    relation = '<Relationship Type="/officeDocument" Target="word/document.xml"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", f"<Relationships>{relation}</Relationships>")
        body = "<w:p/>" * 7_000_000
        archive.writestr("word/document.xml", f'<w:d xmlns:w="{WORD}">{body}</w:d>')
    return path


def pdf_of_spaces(path: Path) -> Path:
    """A file of some 300 KB with one page: 300 MB of white space."""
    packer = zlib.compressobj(9)
    blank = b" " * (1 << 20)
    packed = b"".join(packer.compress(blank) for _ in range(300)) + packer.flush()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
    ]
    body = b"".join(b"%d 0 obj%s endobj\n" % one for one in enumerate(objects, start=1))
    path.write_bytes(b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R/Size 5>>\nstartxref\n0\n%%EOF\n")
    return path


def pdf_of_depth(path: Path) -> Path:
    """Lists in lists, three million deep."""
    deep = b"[" * 3_000_000 + b"]" * 3_000_000
    path.write_bytes(b"%PDF-1.4\n1 0 obj" + deep + b" endobj\ntrailer<</Root 1 0 R>>\n%%EOF")
    return path


def json_of_lists(path: Path) -> Path:
    path.write_text("[" + "[]," * 4_000_000 + "1]")
    return path


@pytest.mark.parametrize("bomb", [docx_of_elements, pdf_of_spaces, pdf_of_depth, json_of_lists])
async def test_a_bomb_fails_alone_and_says_of_what(
    bomb: Callable[[Path], Path], good: Path, tmp_path: Path, ask: Ask
) -> None:
    kind = bomb.__name__.partition("_")[0]
    path = bomb(tmp_path / f"bomb.{kind}")
    assert path.stat().st_size < 13_000_000
    pool = ParserPool(SandboxLimits(cpu_s=20, memory_mib=200), processes=1)

    first = await ask(good, of=pool)
    with pytest.raises(UnreadableFile) as failed:
        await ask(path, of=pool)
    last = await ask(good, of=pool)
    await pool.aclose()

    assert first == last
    assert "memory" in failed.value.reason
    assert "raise ALIR_PARSE_MEMORY_MIB" in failed.value.reason


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import ctypes; ctypes.string_at(0)", r"crashed .*signal 11, segmentation fault\); leave"),
        ("import os; os._exit(3)", r"crashed its parser \(exit code 3\); leave it out"),
        ("import os; os.kill(os.getpid(), 9)", r"crashed its parser \(signal 9, killed\)"),
        ("while True: pass", r"takes more than 1 s to read; .* raise ALIR_PARSE_TIMEOUT_S"),
        ("bytearray(300 << 20)", r"needs more than 200 MiB of memory to be read; split it"),
        ("import os; os.write(1, b'no answer')", r"^changed while it was being read"),
        ("raise SystemError('odd')", r"may be damaged \(SystemError: odd\)"),
        ("import sys; sys.exit('odd')", r"crashed its parser \(exit code 1\)"),
    ],
)
async def test_a_file_that_harms_its_parser_fails_alone_with_a_reason(
    code: str, reason: str, read: Read, good: Path, obedient: Obedient
) -> None:
    bad = obedient(code)

    first, why, last = await read(good, bad, good)

    assert [first, last] == [HONEY, HONEY]
    assert re.search(reason, why), why
    assert await read(good) == [HONEY], "the pool works on"


async def test_a_file_that_waits_instead_of_computing_is_ended_by_the_clock(
    ask: Ask, obedient: Obedient
) -> None:
    pool = ParserPool(SandboxLimits(cpu_s=20, waits=0.05), processes=1)

    with pytest.raises(UnreadableFile, match="takes more than 1 s to read; "):
        await ask(obedient("import time; time.sleep(600)"), of=pool)
    await pool.aclose()


async def test_a_file_is_not_blamed_for_what_an_earlier_one_left_behind(
    read: Read, good: Path, obedient: Obedient
) -> None:
    later = obedient("import ctypes, threading; threading.Timer(0, ctypes.string_at, [0]).start()")
    said = await read(later, good, later, good)
    assert said[1::2] == [HONEY] * 2


async def test_a_process_that_died_while_it_waited_is_replaced_and_nobody_blamed(
    read: Read, good: Path, parsers: Parsers
) -> None:
    await read(good)
    [process] = parsers()
    process.kill()

    assert await read(good, good) == [HONEY, HONEY]
    assert parsers() != [process]


async def test_a_large_file_goes_on_where_its_last_part_ended(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("".join(f"зима {n}\n" for n in range(2_000)), "utf-8")
    text, at = "", None
    while True:
        part = await ask(path, at, budget_chars=5_000)
        text += "".join(segment.text for segment in part.segments)
        if (at := part.next) is None:
            break
    assert text == path.read_text("utf-8")


async def test_the_file_that_was_opened_is_read_whatever_has_its_name_now(
    pool: ParserPool, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(HONEY)
    (tmp_path / "secret.txt").write_text("Outside.")

    with path.open("rb") as file:
        path.unlink()
        path.symlink_to(tmp_path / "secret.txt")
        options: dict[str, int] = {"budget_chars": 1_000, "descriptor": file.fileno()}
        reading = await pool.run_job(lambda read: read(path, None, **options))

    assert [one.text for one in reading.segments] == [HONEY]


async def test_a_process_that_grew_is_replaced(
    read: Read, obedient: Obedient, good: Path, parsers: Parsers
) -> None:
    await read(good)
    before = parsers()
    await read(obedient("import sys; sys.kept = bytearray(b'x' * (150 << 20))"))
    assert await read(good) == [HONEY]
    assert len(parsers()) == 1
    assert parsers() != before


async def test_the_pool_starts_what_it_needs_and_closing_ends_it_at_once(
    ask: Ask, good: Path, obedient: Obedient, parsers: Parsers
) -> None:
    pool = ParserPool(processes=2)
    assert parsers() == []
    for _ in range(3):
        await ask(good, of=pool)
    assert len(parsers()) == 1
    endless = obedient("while True: pass")
    runs = [asyncio.create_task(ask(endless, of=pool)) for _ in range(3)]
    while len(parsers()) < 2:
        await asyncio.sleep(0.02)
    await pool.aclose()
    ended = await asyncio.gather(*runs, return_exceptions=True)
    assert parsers() == []
    assert all(isinstance(one, (RuntimeError, asyncio.CancelledError)) for one in ended), ended


async def test_parsers_give_way_and_hear_no_ctrl_c(
    read: Read, good: Path, parsers: Parsers
) -> None:
    await read(good)
    [process] = parsers()
    assert process.nice() == min(19, os.nice(0) + 10)
    assert os.getpgid(process.pid) != os.getpgid(0)


async def test_a_parser_that_cannot_start_is_no_file_s_fault(
    read: Read, good: Path, library: Path
) -> None:
    (library / "pypdfium2" / "raw.py").write_text("raise ImportError")
    with pytest.raises(ParserUnavailable, match="exit code 1"):
        await read(good)


async def test_a_closed_pool_reads_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(HONEY)
    pool = ParserPool(processes=1)

    for _ in range(2):
        assert await _text_of(pool, tmp_path / "a.txt") == HONEY
        await pool.aclose()


def test_a_forked_child_reads_with_processes_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(HONEY)
    pool = ParserPool(processes=1)

    async def use() -> tuple[str, set[int]]:
        text = await _text_of(pool, tmp_path / "a.txt")
        return text, {one.pid for one in psutil.Process().children()}

    async def use_and_close() -> tuple[str, set[int]]:
        used = await use()
        await pool.aclose()
        return used

    text, ours = asyncio.run(use())
    in_childs, theirs = in_child(lambda: asyncio.run(use_and_close()))

    assert text == in_childs == HONEY
    assert len(theirs) == 1
    assert not ours & theirs
    assert asyncio.run(use_and_close()) == (HONEY, ours), "the child's end did not end ours"


def test_the_process_of_a_killed_parent_ends_though_a_child_of_that_lives_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text(HONEY)
    pool = ParserPool(processes=1)

    def use_and_be_killed() -> tuple[int, int]:
        asyncio.run(_text_of(pool, tmp_path / "a.txt"))
        [parser] = psutil.Process().children()
        lives_on = os.fork()
        if not lives_on:
            time.sleep(120)
            os._exit(0)
        return parser.pid, lives_on

    parser, lives_on = in_child(use_and_be_killed)
    try:
        psutil.wait_procs([psutil.Process(parser)] if psutil.pid_exists(parser) else [], timeout=20)
        assert not psutil.pid_exists(parser)
    finally:
        os.kill(lives_on, signal.SIGKILL)


async def _text_of(pool: ParserPool, path: Path) -> str:
    def job(read: ReadDocument) -> str:
        with path.open("rb") as file:
            reading = read(path, None, budget_chars=1000, descriptor=file.fileno())
        return "".join(segment.text for segment in reading.segments)

    return await pool.run_job(job)
