"""The README's promises: its commands exist and its code runs as written."""

import ast
import re
import shutil
from inspect import CO_COROUTINE
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


async def test_the_code_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    for page in ("overview.md", "citations.md"):  # to embed all pages takes half a minute
        shutil.copy(ROOT / "docs" / page, tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks("python"):
        # As a notebook runs a cell: with `await` and `async with` outside of any function.
        code = compile(block, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names) if code.co_flags & CO_COROUTINE else FunctionType(code, names)()  # noqa: S307
        if result is not None:
            await result
    written, streamed = capsys.readouterr().out.split("\n", 1)
    assert "[1]" in written
    assert "[1]" in streamed
    assert names["report"].added == 1 + len([*(tmp_path / "docs").iterdir()])
    assert names["answer"].citations


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", "".join(blocks("sh")), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_every_file_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
