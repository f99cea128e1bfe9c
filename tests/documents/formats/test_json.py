"""JSON is written out readably; JSON Lines are kept as they are."""

import json
from pathlib import Path

import pytest

from alir.documents.formats import document_text, read
from alir.errors import UnreadableFile


def test_json_is_indented_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name":"caf\\u00e9","prices":[1,2.5,null]}')
    assert document_text(path) == ('{\n "name": "café",\n "prices": [\n  1,\n  2.5,\n  null\n ]\n}')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_json_may_be_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes('["L\'été à la plage"]'.encode(encoding))
    assert json.loads(document_text(path)) == ["L'été à la plage"]


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson"])
def test_json_lines_are_kept_as_they_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    text = '{"id":1,"text":"caf\\u00e9"}\n{"id":2}\n'
    path.write_text(text)
    assert document_text(path) == text


def test_a_lone_surrogate_becomes_a_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('["a\\ud800b"]')
    assert json.loads(document_text(path)) == ["a\ufffdb"]


def test_a_large_value_comes_in_bounded_segments(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"n": number} for number in range(20_000)]))
    reading = read(path)
    assert all(segment.text.endswith("\n") for segment in reading.segments[:-1])
    assert json.loads("".join(segment.text for segment in reading.segments))[-1] == {"n": 19_999}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1,\n "b": 2,\n "c" 3}', r"is not valid JSON \(line 3, column 6: Expecting ':'"),
        ("plain words", r"is not valid JSON \(line 1, column 1: Expecting value\)"),
        ("[" * 100_000, "nests its values too deeply to be read"),
        ("9" * 5_000, "holds a value that cannot be read"),
        (" \n", "is not valid JSON"),
    ],
)
def test_what_is_not_json_says_where(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=reason):
        read(path)
