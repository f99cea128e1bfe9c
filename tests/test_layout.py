"""Guards of the layout: where code may lie, and who reads the environment.

LlamaIndex's engine is an import package called `workflows`. A folder of that name with an
`__init__.py`, on `sys.path` because the root is, would shadow it; one without never does. So no
`workflows` folder has one, nor any folder of tests, and nothing is imported through the two links
that show `src/alir/workflows` and `src/alir/steps` at the root.
"""

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "alir"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400

NOT_FOR_STEPS = (
    "alir.events",
    "alir.workflows",
    "llama_index.core.workflow",
    "llama_index.embeddings",
    "llama_index.llms",
    "llama_index.vector_stores",
    "openai",
    "pymilvus",
    "workflows",
)


def imports(path: Path) -> Iterator[str]:
    """The modules a file imports, wherever in the file, with the names taken from each."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{named(path)}: say the module's whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def starts_with(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


EACH_SOURCE = pytest.mark.parametrize("path", SOURCES, ids=named)


def test_no_workflows_folder_and_no_folder_of_tests_is_a_package() -> None:
    folders = (ROOT / "src", ROOT / "tests", ROOT / "examples", ROOT / "benchmarks")
    marked = [path for folder in folders for path in folder.rglob("__init__.py")]

    assert PACKAGE / "__init__.py" in marked
    marked += (ROOT / name / "__init__.py" for name in ("workflows", "steps"))
    marked = [path for path in marked if path.exists()]

    assert [path for path in marked if path.parent.name == "workflows"] == []
    assert [path for path in marked if (ROOT / "tests") in path.parents] == []


@pytest.mark.parametrize("name", ["workflows", "steps"])
def test_a_link_at_the_root_shows_the_folder(name: str) -> None:
    link = ROOT / name

    assert link.is_symlink()
    assert link.readlink() == Path("src") / "alir" / name
    assert link.resolve() == PACKAGE / name
    assert list(link.glob("*.py"))


def test_the_engine_is_not_shadowed_by_the_link() -> None:
    code = "import sys; sys.path.insert(0, ''); import workflows; print(workflows.__file__)"

    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert Path(found.stdout.strip()).parent.parent != ROOT
    assert "site-packages" in found.stdout


def test_nothing_is_imported_through_the_links() -> None:
    ours = [f"workflows.{path.stem}" for path in (PACKAGE / "workflows").glob("*.py")]
    folders = (PACKAGE, ROOT / "benchmarks", ROOT / "tests", ROOT / "examples")
    files = [path for folder in folders for path in folder.rglob("*.py")]

    through = [
        f"{named(path)} imports {name}"
        for path in files
        for name in imports(path)
        if starts_with(name, "steps") or any(starts_with(name, module) for module in ours)
    ]

    assert "workflows.ask" in ours
    assert through == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "steps").rglob("*.py")), ids=named)
def test_a_step_knows_no_event_no_engine_no_milvus_and_no_sdk(path: Path) -> None:
    found = [name for name in imports(path) if any(starts_with(name, one) for one in NOT_FOR_STEPS)]

    assert found == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        named(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.alias) and node.name in {"environ", "environb", "getenv"})
    ]

    assert set(readers) == {"src/alir/settings.py"}


@EACH_SOURCE
def test_no_file_is_two_concepts_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager"])
def test_no_file_is_named_for_nothing(name: str) -> None:
    assert [path for path in SOURCES if name in {path.stem, path.parent.name}] == []


@pytest.mark.parametrize("module", ["alir", "alir.cli.main"])
def test_importing_alir_and_its_command_line_loads_no_heavy_library(module: str) -> None:
    heavy = ["llama_index", "openai", "pymilvus", "torch", "transformers", "workflows", "numpy"]
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = json.loads(found.stdout)
    assert module in loaded
    assert [name for name in heavy if name in loaded] == []
    assert all(importlib.util.find_spec(name) for name in heavy), "they are there to be loaded"
