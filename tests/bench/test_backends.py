"""The bench of the embedding backends, over a few texts."""

import json
from pathlib import Path

import pytest

from alir.bench.backends import main, measure

TEXTS = [f"Number {i} is about {word}." for i, word in enumerate(["cats", "bees", "ships"] * 5)]


def test_a_backend_is_exactly_itself() -> None:
    found = measure(TEXTS, ["Where are the bees?"], backends=["encode", "torch"], rounds=1)

    assert found["torch"]["recall_at_10"] == found["torch"]["recall_at_10_across"] == 1
    assert found["torch"]["cosine"] == pytest.approx(1)
    assert found["encode"]["ratio"] == 1
    assert all(figure > 0 for figures in found.values() for figure in figures.values())


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.txt").write_text(
        "".join(f".I {i}\n.T\ntitle\n.W\n{text}\n" for i, text in enumerate(TEXTS))
    )

    main([str(tmp_path / "texts.txt"), "--json", "--backends", "torch", "--rounds", "1"])

    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["torch"]
    assert "recall_at_10" not in found["torch"]
