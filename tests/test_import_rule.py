"""The import rule: what each folder of `src/alir` may import; see docs/overview.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "alir"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# From low to high; a name may import what stands above it here, and itself.
VALUES = {"errors", "settings", "models"}
PORTS = VALUES | {"ports"}
MAY_IMPORT = {
    "errors": set[str](),
    "settings": {"errors", "models"},
    "models": {"errors"},
    "ports": VALUES,
    "events": VALUES,
    "concurrency": PORTS,
    "documents": PORTS | {"concurrency"},
    "inference": PORTS | {"concurrency"},
    "storage": PORTS | {"concurrency"},
    "milvus": PORTS | {"concurrency", "storage"},
    "visualize": PORTS,
    "steps": PORTS,
    "workflows": PORTS | {"events", "steps", "concurrency"},
}
PARTS = {*MAY_IMPORT}
MAY_IMPORT |= {"app": PARTS, "testing": {"errors"}}
# Only `app` joins concrete parts; the service and the keys have tables of their own in storage.
SHELL = PARTS - {"milvus", "inference", "documents", "storage"} | {"app"}
MAY_IMPORT |= {"server": SHELL | {"storage"}, "evaluation": SHELL | {"documents"}}
MAY_IMPORT |= {"cli": SHELL | {"server", "evaluation", "storage"}, "__main__": {"cli"}}


def imports(path: Path) -> Iterator[str]:
    """Yield what a file imports, wherever in the file, with the names taken from each module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write the module's whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    names = [name.split(".") for name in imports(path)]
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert not {name[0] for name in names} & {"benchmarks", "tests"}
    if own != "__init__":  # it names what alir exports, from anywhere, lazily
        theirs = {name[1] for name in names if name[0] == "alir" and len(name) > 1}
        assert theirs - {own} <= MAY_IMPORT[own]
