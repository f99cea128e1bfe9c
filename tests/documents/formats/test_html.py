"""HTML: what a reader of the page sees."""

from pathlib import Path

import pytest

from alir.documents.formats import document_text, html, read
from alir.documents.formats.blocks import BLOCK_CHARS
from alir.errors import UnreadableFile


def shown(tmp_path: Path, markup: str | bytes, name: str = "page.html") -> str:
    path = tmp_path / name
    path.write_bytes(markup if isinstance(markup, bytes) else markup.encode())
    return document_text(path)


def test_scripts_styles_links_and_hidden_parts_do_not_show(tmp_path: Path) -> None:
    text = shown(
        tmp_path,
        "<style>p {color: red}</style><script>var secret = 1</script><!-- comment -->"
        '<p>Read <a href="http://example.com/x">this</a> &amp; that.</p>'
        '<template>template</template><div style="display:none">hidden</div><svg><text>axis</svg>',
    )
    assert text == "Read this & that."


def test_the_title_comes_first_unless_the_body_has_it(tmp_path: Path) -> None:
    head = "<html><head><title>Annual\n report</title></head>"
    assert shown(tmp_path, head + "<body><p>Text.") == "Annual report\n\nText."
    repeated = shown(tmp_path, head + "<body><h1>Annual report</h1><p>Text.")
    assert repeated == "Annual report\n\nText."


def test_words_of_different_blocks_stay_apart(tmp_path: Path) -> None:
    text = shown(
        tmp_path,
        "<section>a</section><section>b</section><dl><dt>c<dd>d</dl><select><option>e<option>f"
        "</select><form><div>g</div>h</form><article>i</article>j",
    )
    assert text.split() == list("abcdefghij")


def test_lists_and_preformatted_text_keep_their_lines(tmp_path: Path) -> None:
    text = shown(tmp_path, "<ol><li>one<li>two</ol><pre>def f():\n    return 1</pre>")
    lines = text.splitlines()
    assert [line.split() for line in lines[:2]] == [["1.", "one"], ["2.", "two"]]
    assert lines[-2:] == ["def f():", "    return 1"]


def test_a_table_row_is_a_line(tmp_path: Path) -> None:
    text = shown(
        tmp_path,
        "<table><caption>Prices</caption><tr><th>Item<th>Price</tr>\n<tr><td>Tea</td><td>2 €</td>"
        "</tr><tr><td></td><td>total</td></tr></table>after",
    )
    assert [line for line in text.splitlines() if line] == [
        "Prices",
        "Item | Price",
        "Tea | 2 €",
        "| total",
        "after",
    ]


def test_a_wide_cell_does_not_widen_the_rows_below_it(tmp_path: Path) -> None:
    rows = "<tr><td>a</td><td>b</td></tr>" * 2_000
    text = shown(tmp_path, f"<table><tr><td>{'x' * 5_000}</td><td>b</td></tr>{rows}</table>")
    assert len(text) < 30_000


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", '<meta charset="utf-8">'),
        ("utf-8", '<meta charset="iso-8859-1">'),  # a wrong claim about valid UTF-8
        ("utf-8-sig", ""),
        ("utf-16", '<meta charset="utf-16">'),
        ("cp1252", '<meta charset="iso-8859-1">'),
        ("cp1252", "<META http-equiv=Content-Type content='text/html; charset=windows-1252'>"),
        ("cp1252", '<meta charset="no-such-encoding">'),
        ("cp1252", '<meta charset="zlib">'),
        ("cp1252", ""),
    ],
)
def test_a_page_is_decoded_as_it_is_and_not_only_as_it_claims(
    tmp_path: Path, encoding: str, head: str
) -> None:
    text = "L'été à la plage – déjà vu"
    page = f"<html><head>{head}</head><body><p>{text}</p></body></html>"
    assert shown(tmp_path, page.encode(encoding)) == text


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("gb2312", "gb18030"), ("shift_jis", "cp932"), ("euc-kr", "cp949"), ("ISO-2022-JP", "")],
)
def test_an_asian_page_is_decoded_as_it_declares(
    tmp_path: Path, declared: str, encoding: str
) -> None:
    text = {"gb2312": "中文", "euc-kr": "한글"}.get(declared, "日本")
    page = f"<meta charset={declared}><p>{text}</p>"
    assert shown(tmp_path, page.encode(encoding or declared)) == text


def test_an_xhtml_declaration_is_no_obstacle(tmp_path: Path) -> None:
    page = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<html><body><p>été</p></body></html>'
    assert shown(tmp_path, page.encode("latin-1"), "page.xhtml") == "été"


def test_a_page_without_a_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    assert shown(tmp_path, "<!DOCTYPE html><p>text</p>", "page") == "text"
    assert shown(tmp_path, "<!DOCTYPE html><p>text</p>", "page.txt").startswith("<!DOCTYPE")


def test_deep_nesting_loses_nothing(tmp_path: Path) -> None:
    assert shown(tmp_path, "<p>top</p>" + "<div>" * 400 + "deep").split() == ["top", "deep"]


@pytest.mark.parametrize("depth", [1_500, 5_000])
def test_absurdly_deep_nesting_is_refused(tmp_path: Path, depth: int) -> None:
    with pytest.raises(UnreadableFile, match="nests its elements too deeply"):
        shown(tmp_path, "<p>top</p>" + "<div>" * depth + "deep")


def test_character_references_to_no_character_are_replaced(tmp_path: Path) -> None:
    assert shown(tmp_path, "<p>a&#xD800;b&#0;c</p>").encode()


@pytest.mark.parametrize("markup", ["<!-- only -->", "  \n", "<p></p>", "<script>x()</script>"])
def test_a_page_that_shows_nothing_is_refused(tmp_path: Path, markup: str) -> None:
    with pytest.raises(UnreadableFile, match="holds no text"):
        shown(tmp_path, markup)


def test_a_long_page_comes_in_bounded_segments(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>a paragraph of words</p>" * 10_000)
    reading, whole = read(path), document_text(path)
    assert len(reading.segments) > 2
    assert max(len(segment.text) for segment in reading.segments) <= BLOCK_CHARS
    assert "".join(segment.text for segment in reading.segments) == whole


def test_a_page_too_large_to_parse_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with path.open("wb") as file:
        file.write(b"<p>text</p>\n")
        file.truncate(40 << 20)
    with pytest.raises(UnreadableFile, match="is 40 MB, more than the 32 MB alir reads of an HTML"):
        read(path)


def test_the_module_needs_no_network(tmp_path: Path) -> None:
    assert html.__name__ == "alir.documents.formats.html"
    page = (
        '<!DOCTYPE html SYSTEM "http://192.0.2.1/a.dtd" [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    )
    assert "root:" not in shown(tmp_path, page + "<html><body><p>text &x;</p></body></html>")
