"""What the documents name is there: files, modules and commands of the repository."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PLACEHOLDERS = {"src/alir/x/y.py", "tests/x/test_y.py"}
HISTORY = {"CHANGELOG.md"}
"""Names what was there once."""
EACH_PAGE = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)

_PATH = re.compile(
    r"(?<![\w./-])(?:src|tests|benchmarks|docs|examples)/[\w./{},*-]*[\w}*](?![\w<{,*-])"
)
_MODULE = re.compile(r"(?<![\w./-])((?:alir|benchmarks|tests)(?:\.[a-z_]+)+)(?![\w/-])")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def expanded(text: str) -> list[str]:
    """Return what a path with braces stands for, as a shell would."""
    before, brace, rest = text.partition("{")
    if not brace:
        return [text]
    inside, _, after = rest.partition("}")
    return [path for one in inside.split(",") for path in expanded(before + one + after)]


@EACH_PAGE
def test_every_file_and_module_it_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.name in HISTORY:
        pytest.skip("it tells of what was there once")

    paths = {path for found in _PATH.findall(text) for path in expanded(found)} - PLACEHOLDERS
    modules = [name for name in _MODULE.findall(text) if name != "alir.db"]

    assert [path for path in paths if not list(ROOT.glob(path))] == []
    assert [name for name in modules if not is_there(name)] == []


@EACH_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text("utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def is_there(name: str) -> bool:
    """Return whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    top = ROOT / "src" if parts[0] == "alir" else ROOT
    for end in range(len(parts), 0, -1):
        path = top.joinpath(*parts[:end])
        if path.is_dir() or path.with_suffix(".py").is_file():
            rest = parts[end:]
            file = (
                path.with_suffix(".py")
                if path.with_suffix(".py").is_file()
                else path / "__init__.py"
            )
            return not rest or (file.is_file() and rest[0] in file.read_text("utf-8"))
    return False


def test_the_check_finds_what_is_not_there() -> None:
    assert is_there("alir.app.application")
    assert is_there("alir.documents.formats.document_text")
    assert not is_there("alir.no_such_module")
    assert _PATH.findall("see `src/alir/{a,b}.py` and tests/x.py.") == [
        "src/alir/{a,b}.py",
        "tests/x.py",
    ]
    assert expanded("src/{a,b}.py") == ["src/a.py", "src/b.py"]
