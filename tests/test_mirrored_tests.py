"""The test of `src/alir/x/y.py` is `tests/x/test_y.py`; what has none is on the list below."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "alir"
SHORT = 40
"""Lines up to which a module needs no test file of its own."""

TESTED_ELSEWHERE = {
    "__init__.py": ("tests/test_layout.py", "lazy names of what other modules define"),
    "errors/configuration.py": (
        "tests/test_errors.py",
        "a table there has a sentence of each error",
    ),
    "errors/dependency.py": ("tests/test_errors.py", "a table there has a sentence of each error"),
    "errors/input.py": ("tests/test_errors.py", "a table there has a sentence of each error"),
    "ports.py": ("tests/test_import_rule.py", "protocols alone; mypy checks what implements them"),
    "events/search.py": (
        "tests/events/test_base.py",
        "declarations; each event of the folder is tested there",
    ),
    "documents/formats/__init__.py": (
        "tests/documents/formats",
        "the choice of a reader, which every reader's test goes through",
    ),
}
"""Module to the test that covers it, and the reason why it has none at its own path."""


def mirrored(module: Path) -> Path:
    """Return where the test of a module belongs; that of a package's `__init__` is beside it."""
    path = module.relative_to(PACKAGE)
    if path.name == "__init__.py":
        path = path.parent.with_suffix(".py") if path.parent.name else Path("alir.py")
    return ROOT / "tests" / path.parent / f"test_{path.name}"


def test_every_module_has_its_test_where_a_newcomer_looks() -> None:
    long = [
        path for path in PACKAGE.rglob("*.py") if len(path.read_text("utf-8").splitlines()) > SHORT
    ]
    without = {
        path.relative_to(PACKAGE).as_posix() for path in long if not mirrored(path).is_file()
    }

    assert without - TESTED_ELSEWHERE.keys() == set(), "write their tests at the mirrored path"
    assert TESTED_ELSEWHERE.keys() - without == set(), "take these off the list"


def test_what_is_tested_elsewhere_says_where_and_why() -> None:
    for module, (test, reason) in TESTED_ELSEWHERE.items():
        assert (ROOT / test).exists(), f"{module}: {test} is not there"
        assert len(reason.split()) > 3, f"{module}: say why"
