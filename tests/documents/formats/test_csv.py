"""CSV: every row a line that can be understood alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alir.documents.formats import document_text, read
from alir.errors import UnreadableFile
from alir.models.reading import Reading


def rendered(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> list[str]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return document_text(path).splitlines()


def parts(path: Path, budget_chars: int) -> Iterator[Reading]:
    reading = read(path, budget_chars=budget_chars)
    yield reading
    while reading.next:
        reading = read(path, reading.next, budget_chars=budget_chars)
        yield reading


def test_a_row_is_a_line_of_headers_and_values(tmp_path: Path) -> None:
    assert rendered(tmp_path, "name,price\nTea,2.50\n\nCoffee,3\n") == [
        "name: Tea; price: 2.50",
        "name: Coffee; price: 3",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    rows = ["name|price|note", "Tea|2|hot", "Ale|3|cold"]
    content = "\n".join(row.replace("|", delimiter) for row in rows)
    assert rendered(tmp_path, content)[0] == "name: Tea; price: 2; note: hot"


def test_the_delimiter_is_not_mistaken_for_a_comma_in_numbers(tmp_path: Path) -> None:
    assert rendered(tmp_path, "a;b\n1,5;2,5\n3,5;4,5\n")[0] == "a: 1,5; b: 2,5"


def test_a_tsv_is_delimited_by_tabs_whatever_else_it_holds(tmp_path: Path) -> None:
    assert rendered(tmp_path, "a,b\tc\n1,2\t3\n", "a.tsv") == ["a,b: 1,2; c: 3"]


def test_quoted_fields_may_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    content = 'name,note\r\nTea,"hot, ""strong""\r\nand sweet"\r\nAle,cold\r\n'
    assert rendered(tmp_path, content) == [
        'name: Tea; note: hot, "strong" and sweet',
        "name: Ale; note: cold",
    ]


def test_missing_and_surplus_cells_are_no_obstacle(tmp_path: Path) -> None:
    assert rendered(tmp_path, "a,b,\n1\n1,,3,4\n") == ["a: 1", "a: 1; column 3: 3; column 4: 4"]


def test_one_column_and_a_header_alone_are_read(tmp_path: Path) -> None:
    assert rendered(tmp_path, "word\none\ntwo\n") == ["word: one", "word: two"]
    assert rendered(tmp_path, "a,b,c\n") == ["a; b; c"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "iso2022_jp"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_encoding_and_line_end_is_read_in_parts(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    word = "日本" if encoding == "iso2022_jp" else "été"
    rows = [f'{number},"{word} {number}\nnext line"' for number in range(4_000)]
    content = line_end.join(["number,text", *rows]).replace("\n", line_end)
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode(encoding))
    expected = [f"number: {n}; text: {word} {n} next line" for n in range(4_000)]
    assert document_text(path).splitlines() == expected
    found = [segment for part in parts(path, 10_000) for segment in part.segments]
    assert "".join(segment.text for segment in found).splitlines() == expected
    start = 0
    for segment in found:
        assert segment.start == start
        start += len(segment.text)


def test_parts_keep_to_the_budget_but_hold_a_row_at_least(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f"{'x' * number},y\n" for number in range(1, 300)))
    for budget_chars in (1, 100, 1_000):
        for part in parts(path, budget_chars):
            lines = "".join(segment.text for segment in part.segments).splitlines()
            assert sum(len(line) + 1 for line in lines) <= budget_chars or len(lines) == 1
    whole = [s.text for part in parts(path, 100) for s in part.segments]
    assert "".join(whole) == document_text(path)


def test_a_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"is not valid CSV .* quote that is never closed"):
        rendered(tmp_path, 'a,b\n1,"open\n' + "some,more\n" * 20_000)


def test_blank_rows_hold_no_text(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="holds no text"):
        rendered(tmp_path, ",,\n,,\n")
