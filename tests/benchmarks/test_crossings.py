"""The counter, on two small modules; and the whole bench, in its smallest form, for real."""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from alir.cli.main import cli
from alir.evaluation.report.tables import Table
from benchmarks.crossings.bench import ROOT, CrossingsOptions, measure_crossings
from benchmarks.crossings.side import CallCounter, Calls
from benchmarks.crossings.view import TOP_PAIRS, crossings_charts, crossings_tables
from benchmarks.measure import WrongResult

KITCHEN = """
import asyncio

def cook():
    return peel() + peel()

def peel():
    return 1

async def simmer():
    await asyncio.sleep(0)
    await asyncio.sleep(0)

def courses():
    yield from "abc"
"""
HALL = """
def order():
    return kitchen.cook() + kitchen.cook()

async def wait():
    await kitchen.simmer()

def serve():
    return list(kitchen.courses())
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder of two modules: the hall calls the kitchen."""
    folder = tmp_path / "inn"
    (folder / "testing").mkdir(parents=True)
    (folder / "kitchen.py").write_text(KITCHEN)
    (folder / "hall.py").write_text(HALL)
    return folder


@pytest.fixture
def kitchen(package: Path) -> ModuleType:
    return loaded(package / "kitchen.py")


@pytest.fixture
def hall(package: Path, kitchen: ModuleType) -> ModuleType:
    module = loaded(package / "hall.py")
    vars(module)["kitchen"] = kitchen
    return module


@pytest.fixture
def counter(package: Path) -> Iterator[CallCounter]:
    counter = CallCounter(package)
    with counter.installed():
        yield counter


def loaded(file: Path) -> ModuleType:
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counts(calls: Calls) -> tuple[int, int, int]:
    found = calls.to_json()
    return found["calls"], found["calls_and_resumptions"], found["files"]


def test_a_call_into_another_file_counts_and_one_within_a_file_does_not(
    counter: CallCounter, hall: ModuleType
) -> None:
    with counter.counting() as calls:
        assert hall.order() == 4

    # Twice from the hall into the kitchen; that the kitchen peels four times is its own matter.
    assert counts(calls) == (2, 2, 2)
    assert calls.to_json()["pairs"] == [["hall.py", "kitchen.py", 2]]


def test_a_call_from_outside_the_package_enters_a_file_and_crosses_none(
    counter: CallCounter, kitchen: ModuleType
) -> None:
    with counter.counting() as calls:
        kitchen.cook()

    assert counts(calls) == (0, 0, 1)


def test_what_is_called_outside_the_block_does_not_count(
    counter: CallCounter, hall: ModuleType
) -> None:
    hall.order()
    with counter.counting() as calls:
        pass
    hall.order()

    assert counts(calls) == (0, 0, 0)


async def test_a_coroutine_that_goes_on_is_a_resumption_and_no_call(
    counter: CallCounter, hall: ModuleType
) -> None:
    with counter.counting() as calls:
        await hall.wait()

    # It is called once, and goes on after each of its two sleeps.
    assert counts(calls) == (1, 3, 2)


def test_a_coroutine_that_goes_on_for_the_event_loop_is_neither(
    counter: CallCounter, kitchen: ModuleType
) -> None:
    with counter.counting() as calls:
        asyncio.run(kitchen.simmer())

    assert counts(calls) == (0, 0, 1)


def test_a_generator_is_called_once_for_all_it_yields(
    counter: CallCounter, hall: ModuleType
) -> None:
    with counter.counting() as calls:
        assert hall.serve() == ["a", "b", "c"]

    assert counts(calls) == (1, 4, 2)


def test_another_threads_calls_count(counter: CallCounter, hall: ModuleType) -> None:
    with counter.counting() as calls:
        thread = threading.Thread(target=hall.order)
        thread.start()
        thread.join()

    assert counts(calls) == (2, 2, 2)


def test_a_fakes_calls_do_not_count(
    counter: CallCounter, package: Path, kitchen: ModuleType
) -> None:
    shutil.copy(package / "hall.py", package / "testing" / "hall.py")
    fake = loaded(package / "testing" / "hall.py")
    vars(fake)["kitchen"] = kitchen

    with counter.counting() as calls:
        fake.order()

    assert counts(calls) == (0, 0, 1)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """This checkout beside itself."""
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIR_TOP_K", "1")  # of no side's concern
        options = CrossingsOptions(against=ROOT, repeats=1)
        found = asyncio.run(measure_crossings(options, told.append))
    assert told == ["here, 1 files and questions", "against, 1 files and questions"]
    return found


def test_an_ingestion_and_a_question_are_counted_apart(found: dict[str, Any]) -> None:
    here, pairs = found["sides"]["here"], found["pairs"]["here"]

    for work in ("first", "ingest", "ask"):
        assert here[work]["calls"] == sum(calls for *_, calls in pairs[work]) > 0
        assert here[work]["calls_and_resumptions"] > here[work]["calls"]
        assert here[work]["files"] > 1
    assert here["ingest"] != here["ask"]
    assert here["first"]["calls"] > here["ingest"]["calls"]  # it makes the collection
    files = {work: {callee for _, callee, _ in pairs[work]} for work in pairs}
    assert files["ingest"] - files["ask"]
    assert files["ask"] - files["ingest"]


def test_every_file_that_is_named_is_one_of_alirs_and_no_call_is_within_one(
    found: dict[str, Any],
) -> None:
    pairs = [pair for work in found["pairs"]["here"].values() for pair in work]

    assert all(caller != callee for caller, callee, _ in pairs)
    named = {file for caller, callee, _ in pairs for file in (caller, callee)}
    assert all((ROOT / "src" / "alir" / file).is_file() for file in named)
    assert not [file for file in named if file.startswith("testing/")]


def test_the_same_code_counts_the_same(found: dict[str, Any]) -> None:
    here, against = (found["sides"][side] for side in ("here", "against"))

    assert here["ingest"]["calls"] == pytest.approx(against["ingest"]["calls"], rel=0.02)
    assert here["ask"]["calls"] == pytest.approx(against["ask"]["calls"], rel=0.02)


def test_the_tables_have_both_sides_and_a_dozen_pairs(found: dict[str, Any]) -> None:
    counts, *pairs = crossings_tables(found)

    assert list(counts.head) == ["", "this checkout", "the other one"]
    assert row(counts, "one question asked: calls")[0].startswith(
        f"{found['sides']['here']['ask']['calls']:.0f}\n("
    )
    assert [len(table.rows) for table in pairs] == [TOP_PAIRS] * 4
    (chart,) = crossings_charts(found)
    assert [len(bars) for bars in chart.groups.values()] == [2, 2]


def row(table: Table, name: str) -> list[str]:
    (found,) = [cells for first, *cells in table.rows if first == name]
    return found


async def test_another_alir_than_the_checkouts_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "src" / "alir").mkdir(parents=True)  # without a module: the installed one is found
    options = CrossingsOptions(against=tmp_path, repeats=1)

    with pytest.raises(WrongResult, match="was measured"):
        await measure_crossings(options, lambda _: None)


def test_the_command_prints_one_json_object() -> None:
    done = CliRunner().invoke(cli, ["bench", "crossings", "--repeats", "1", "--json"])

    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["bench"] == "crossings"
    assert found["sides"].keys() == {"here"}
    assert found["machine"].keys() >= {"cpu", "python"}


def test_a_folder_that_is_no_checkout_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["bench", "crossings", "--against", str(tmp_path)])

    assert (done.exit_code, done.stdout) == (2, "")
    assert "src/alir" in done.stderr
