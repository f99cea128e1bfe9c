"""The bench of the embedding backends, over a few texts, with the real model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.views import charts, tables

WORDS = ["cats", "bees", "ships"]
TEXTS = [f"Number {i} is about {word}." for i, word in enumerate(WORDS * 5)]


@pytest.fixture(scope="module")
def found(bench: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two backends that compute the same, over Cranfield's format."""
    desk = tmp_path_factory.mktemp("embed")
    texts, questions = desk / "texts.txt", desk / "questions.txt"
    texts.write_text("".join(f".I {i}\n.T\nt\n.W\n{text}\n" for i, text in enumerate(TEXTS)))
    questions.write_text("Where are the bees?\n")
    run = bench("embed", texts, "--questions", questions, "--backends", "encode,torch",
                "--sample", "10", "--repeats", "1", "--json")  # fmt: skip
    found: dict[str, Any] = run.found
    return found


def test_a_backend_is_compared_with_the_first_which_is_once_as_fast_as_itself(
    found: dict[str, Any],
) -> None:
    assert (found["texts"], found["sample"], found["questions"]) == (len(TEXTS), 10, 1)
    assert list(found["sides"]) == ["encode", "torch"]
    encode, torch = found["sides"].values()
    assert encode["ratio"] == 1
    assert torch["ratio"] == pytest.approx(encode["seconds"] / torch["seconds"], rel=1e-3)
    assert torch["texts_per_s"] == pytest.approx(10 / torch["seconds"], rel=1e-3)
    assert all(50 < one["peak_rss_mib"] < 3000 for one in found["sides"].values())
    assert all(figure > 0 for one in found["sides"].values() for figure in one.values())


def test_a_backend_that_computes_the_same_finds_the_same(found: dict[str, Any]) -> None:
    torch = found["quality"]["torch"]
    assert torch["recall_at_10"] == torch["recall_at_10_across"] == 1
    assert torch["cosine"] == pytest.approx(1, abs=1e-4)


def test_the_tables_and_charts_have_every_backend(found: dict[str, Any]) -> None:
    cost, recall = tables(found)
    for rows in (cost.rows, recall.rows):
        assert [row[0] for row in rows] == ["encode", "torch"]
    assert cost.head[2] == "x encode"
    for chart in charts(found):
        assert [bar.name for bar in chart.groups[""]] == ["encode", "torch"]


def test_without_questions_there_is_no_recall_and_files_are_cut_as_alir_cuts_them(
    bench: Callable[..., Any],
) -> None:
    run = bench(
        "embed", "corpus", "--backends", "openvino", "--repeats", "1", "--html", "page.html"
    )

    assert run.exit_code == 0, run.stderr
    assert "3 of 3 texts" in " ".join(run.stdout.split())
    assert "Recall" not in run.stdout
    assert "Texts per second" in run.page.read_text("utf-8")


def test_a_backend_that_is_none_is_wrong_usage(bench: Callable[..., Any]) -> None:
    run = bench("embed", "corpus", "--backends", "encode,nix")

    assert (run.exit_code, run.stdout) == (2, "")
    assert "nix" in run.stderr


def test_files_without_a_text_fail_the_bench(bench: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n")

    run = bench("embed", tmp_path)

    assert (run.exit_code, run.stdout) == (1, "")
    assert "no text" in run.stderr
