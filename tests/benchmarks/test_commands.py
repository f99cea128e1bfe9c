"""Each bench in its smallest form, for real: Milvus Lite, new processes, and no model."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import sync_playwright

from alir.evaluation.report.terminal import show
from benchmarks.views import tables

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Run(Protocol):
    """What the fixture `bench` returns."""

    exit_code: int
    stdout: str
    stderr: str
    page: Path

    @property
    def found(self) -> dict[str, Any]: ...


Bench = Callable[..., Run]


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for one in tree.values():
            yield from leaves(one)
    else:
        yield tree


def shape(tree: Any) -> Any:
    """The tree's keys, without what hangs on them."""
    return {k: shape(one) for k, one in tree.items()} if isinstance(tree, dict) else None


@pytest.fixture(scope="module")
def store_run(bench: Bench) -> Run:
    run = bench(
        "store", "--counts", "10", "--dim", "8", "--repeats", "2", "--json", "--html", "page.html"
    )
    assert "add 10: sync_s, round 1 of 2" in run.stderr  # progress is not on stdout
    return run


@pytest.fixture(scope="module")
def store(store_run: Run) -> dict[str, Any]:
    return store_run.found


def test_the_stores_are_compared_by_count_way_and_consistency(store: dict[str, Any]) -> None:
    ways = {"sync_s", "gather_s", "alir_s", "limit_s"}
    assert store["consistency_level"] == "Session"
    assert store["milvus"].startswith("Milvus Lite 2.")
    assert store["add"].keys() == store["search"].keys() == {"10"}
    assert store["add"]["10"].keys() == ways | {"batch_s"}
    assert store["search"]["10"].keys() == ways | {"wire_s"}
    assert all(seconds > 0 for seconds in leaves(store["add"]))


def test_every_figure_carries_its_runs_and_is_their_median(store: dict[str, Any]) -> None:
    for kind in ("add", "search"):
        assert shape(store["runs"][kind]) == shape(store["spread"][kind]) == shape(store[kind])
    runs = store["runs"]["search"]["10"]["alir_s"]
    assert len(runs) == store["repeats"] == 2
    assert store["spread"]["search"]["10"]["alir_s"] == [min(runs), max(runs)]
    assert store["search"]["10"]["alir_s"] == pytest.approx(sum(runs) / 2, rel=1e-4)
    gather_s, alir_s = (store["search"]["10"][way] for way in ("gather_s", "alir_s"))
    ratio = store["ratios"]["search"]["10"]["gather_over_alir"]
    assert ratio == pytest.approx(gather_s / alir_s, rel=1e-3)


def test_the_machine_is_described(store: dict[str, Any]) -> None:
    machine = store["machine"]
    assert machine.keys() >= {"cpu", "cores", "memory_gib", "os", "python", "load_average"}
    assert machine["packages"]["pymilvus"].startswith("2.6")


def test_an_ingestion_is_compared_with_llama_indexs_and_with_the_model(bench: Bench) -> None:
    run = bench("ingest", "corpus", "--fake-embedding", "--cut-chars", "100", "--repeats", "1",
                "--json")  # fmt: skip
    found = run.found

    sides = found["sides"]
    assert sides.keys() == {"alir", "from_documents", "pipeline", "encode"}
    assert {one["chunks"] for one in sides.values()} == {24.0}
    assert found["notes"] == []
    assert found["embedding"] == "hash-384"
    assert all(50 < one["peak_rss_mib"] < 2000 for one in sides.values())
    assert sides["alir"]["milvus_peak_rss_mib"] > 10
    assert sides["alir"]["max_stall_ms"] > 0
    assert sum(found["stages"].values()) == pytest.approx(1, rel=1e-3)
    assert {"load", "split", "embed", "add"} <= found["stages"].keys()
    assert found["fraction_of_limit"]["encode"] == 1


def test_growth_is_measured_by_chunks_and_by_tiny_files(bench: Bench) -> None:
    run = bench("growth", "--chunks", "8", "--files", "5", "--giant-mib", "0", "--depths", "0",
                "--repeats", "1", "--json")  # fmt: skip
    found = run.found

    assert found["chunks"]["8"]["chunks"] == pytest.approx(8, abs=2)
    assert (found["files"]["5"]["files"], found["files"]["5"]["chunks"]) == (5, 5)
    assert found["giant"] == {}
    assert found["growth"] is found["depth_growth"] is None  # of one size, there is none
    one = found["files"]["5"]
    assert one["cpu_ms_per_file"] == pytest.approx(1000 * one["cpu_s"] / 5, rel=1e-3)


def test_a_file_costs_the_same_however_deep_it_lies(bench: Bench) -> None:
    run = bench("growth", "--chunks", "0", "--files", "0", "--giant-mib", "0",
                "--depths", "9,900", "--repeats", "1", "--json")  # fmt: skip
    found = run.found

    assert {depth: one["files"] for depth, one in found["depths"].items()} == {"9": 900, "900": 900}
    assert found["depth_growth"]["ms_per_file"] < 20  # 2, where nothing else runs; before, over 100
    assert found["depth_growth"]["again_ms_per_file"] < 4


def test_a_folder_that_hardly_changes_costs_what_changed(bench: Bench) -> None:
    found = bench("sync", "corpus", "--files", "6", "--fake-embedding", "--repeats", "1",
                  "--json").found  # fmt: skip

    runs = found["runs_of"]
    work = ("embedding_calls", "writes", "embedded")
    assert runs.keys() == {"first", "again", "touched", "edited"}
    assert (runs["first"]["added"], runs["first"]["unchanged"]) == (6, 0)
    assert all(runs["first"][one] > 0 for one in work)
    for name in ("again", "touched"):
        assert (runs[name]["unchanged"], [runs[name][one] for one in work]) == (6, [0, 0, 0])
    assert (runs["edited"]["updated"], runs["edited"]["unchanged"]) == (1, 5)
    assert runs["edited"]["embedding_calls"] == 1
    assert runs["edited"]["embedded"] + runs["edited"]["reused"] < runs["edited"]["chunks"]
    ratio = runs["again"]["seconds"] / runs["first"]["seconds"]
    assert found["share_of_first"] == pytest.approx(ratio, rel=1e-2)


def test_questions_are_asked_on_all_sides_and_while_ingesting(bench: Bench) -> None:
    found = bench("ask", "corpus", "--fake-embedding", "--counts", "1,5", "--repeats", "1",
                  "--json").found  # fmt: skip

    assert found["sides"].keys() == {
        "llama_index",
        "llama_index_fused",
        "drop_in",
        "query_engine",
        "alir",
        "workflow_engine",
        "alir_extractive",
    }
    for by_count in found["sides"].values():
        assert by_count.keys() == {"1", "5"}
        five = by_count["5"]
        assert five["per_s"] == pytest.approx(5 / five["seconds"], rel=1e-3)
        assert 0 < five["p50_ms"] <= five["p95_ms"] <= five["p99_ms"]
    assert found["same_passages"] == 1
    assert found["ratios"]["5"].keys() == {
        "llama_index_fused",
        "drop_in",
        "query_engine",
        "alir",
        "workflow_engine",
        "alir_extractive",
    }
    assert found["while_ingesting"]["p95_ratio"] > 0


def test_tables_name_the_ways_and_the_machine(
    store: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show(tables(store), store["machine"])

    printed = " ".join(capsys.readouterr().out.split())
    for shown in (
        "Add",
        "Search",
        "10 nodes",
        "alir, same code",
        "limit",
        "prebuilt, unread",
        "Session",
    ):
        assert shown in printed
    assert "load average at the start" in printed


def test_the_page_shows_every_figure_without_a_network_and_without_a_complaint(
    store_run: Run,
) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `make browser` installs one")
    requests: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(offline=True, color_scheme="dark").new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(store_run.page.as_uri())
        shown = page.inner_text("body")
        dots = page.locator("svg circle").evaluate_all(
            "all => all.map(dot => dot.getBoundingClientRect().left)"
        )
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()

    assert requests == [store_run.page.as_uri()]
    assert complaints == []
    assert "alir, same code" in shown
    assert "load average at the start" in shown
    seconds = [*leaves(store_run.found["add"]), *leaves(store_run.found["search"])]
    assert len(dots) == len(seconds) == 10
    assert paper == "rgb(21, 25, 29)"


@pytest.mark.parametrize(
    "arguments",
    [
        ("store", "--counts", "10,many"),
        ("store", "--counts", "0"),
        ("growth", "--chunks", "0", "--files", "0", "--giant-mib", "0", "--depths", "0"),
    ],
)
def test_counts_that_are_none_are_wrong_usage(bench: Bench, arguments: tuple[str, ...]) -> None:
    run = bench(*arguments)

    assert (run.exit_code, run.stdout) == (2, "")


def test_a_path_that_is_not_there_is_said_in_one_sentence(bench: Bench) -> None:
    run = bench("ingest", "nowhere", "--fake-embedding", "--json")

    assert (run.exit_code, run.stdout) == (4, "")
    assert "nowhere" in run.stderr
    assert run.stderr.startswith("alir: ")
