"""`alir eval` from end to end, with the real model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alir.cli.main import cli

Beir = Callable[..., Path]


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(cli, ["eval", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_collection_is_measured_as_json_and_as_a_page(beir: Beir, desk: Path) -> None:
    done = run(beir(), "--json", "--html", "page.html", "--depth", "10")

    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["eval"], found["questions"], found["depth"]) == ("small", 2, 10)
    assert all(one["measures"]["recall@10"]["value"] == 1 for one in found["rows"])
    assert found["machine"]["cpu"]
    page = (desk / "page.html").read_text()
    assert page.count("<svg") == 5
    assert "alir eval small" in page
    assert found["rule"] in page
    assert {path.name for path in desk.iterdir()} == {"small", "page.html"}
    assert "4 of 4 files" in done.stderr


def test_questions_about_ones_own_files_are_measured_as_a_table(desk: Path) -> None:
    docs = desk / "docs"
    docs.mkdir()
    (docs / "cats.txt").write_text("Cats sleep most of the day. They hunt at night.")
    (docs / "bees.txt").write_text("Bees make honey. A hive has one queen.")
    file = desk / "mine.csv"
    file.write_text(
        "question,file,passage\nWho makes honey?,bees.txt,Bees make honey.\nWho is king?,,\n"
    )

    done = run(docs, "--questions", file, "--chunk-tokens", "64,128")

    assert done.exit_code == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "mine, chunks of 64 tokens (2)" in words
    assert "mine, chunks of 128 tokens (2)" in words
    assert "RRF *" in words
    assert "Questions without an answer, which were not asked: 1." in words


def test_answers_and_claims_are_measured_below_the_searches(desk: Path) -> None:
    (desk / "docs").mkdir()
    (desk / "docs" / "bees.txt").write_text("Bees make honey. A hive has one queen.")
    (desk / "q.csv").write_text(
        "question,file,passage\nWho makes honey?,bees.txt,Bees make honey.\nWho is king?,,\n"
    )
    (desk / "c.csv").write_text(
        "sentence,question,is_supported\nBees make honey.,Who makes honey?,yes\n"
    )

    done = run("docs", "--questions", "q.csv", "--answers", "--claims", "c.csv", "--html", "p.html")

    assert done.exit_code == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "1 questions that the documents answer, 1 that they do not" in words
    assert "Citations that stand in their file, to the character: 1 of 1." in words
    assert "1 sentences that their passage bears out" in words
    assert "borne out, but marked" in (desk / "p.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "nowhere"),
        (["."], 4, "neither a corpus.jsonl"),
        ([".", "--depth", "101"], 2, "--depth"),
        (["small", "--answers"], 2, "--questions"),
        (["small", "--claims", "small/corpus.jsonl"], 2, "--answers"),
        (["small", "--chunk-tokens", "many"], 2, "--chunk-tokens"),
        (["small", "--chunk-tokens", "9"], 3, "ALIR_CHUNK_TOKENS"),
        (["small", "--split", "train"], 4, "train.tsv: there are test. Choose"),
        (["small", "--html", "no/where.html", "--depth", "10"], 2, "no/where.html"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(
    beir: Beir, arguments: list[str], code: int, said: str
) -> None:
    beir()

    done = run(*arguments)

    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())
