"""Split: with LlamaIndex's own splitter, whose tokens are words here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import MetadataMode, TextNode

from alir.documents.formats import document_text
from alir.documents.formats import read as read_document
from alir.errors import ConfigError
from alir.models.files import FilePart, LoadedPart, chunk_id, digest, head_id
from alir.models.reading import Segment
from alir.settings import Settings
from alir.steps.ingest.load import load
from alir.steps.ingest.split import batches, split

PART = FilePart(Path("/docs/notes.txt"), 100, version="v1")


WORD_TOKENS = 50
"""What a word counts: the splitter prints a warning for a chunk of fewer tokens than this."""


def splitter(words: int, overlap: int = 0) -> SentenceSplitter:
    return SentenceSplitter(
        chunk_size=words * WORD_TOKENS,
        chunk_overlap=overlap * WORD_TOKENS,
        tokenizer=lambda text: range(WORD_TOKENS * len(text.split())),
        include_metadata=False,
        include_prev_next_rel=False,
    )


def chunks_of(text: str, *, words: int, overlap: int = 0, part: FilePart = PART) -> list[TextNode]:
    loaded = LoadedPart(part, [Segment(text, 0)], None)
    return split(loaded, node_parser=splitter(words, overlap))


def ingested(path: Path, *, budget_chars: int, words: int = 20) -> list[TextNode]:
    """Every chunk of the file, read in as many parts as the budget makes."""
    part = FilePart(path, path.stat().st_size, version="v1")
    found: list[TextNode] = []
    while True:
        [loaded] = load([part], budget_chars=budget_chars, read=read_document).loaded
        chunks = split(loaded, node_parser=splitter(words, overlap=5))
        found += chunks
        if loaded.next is None:
            return found
        part = replace(part, cursor=loaded.next, chunks=part.chunks + len(chunks))


def assert_each_stands_where_it_says(chunks: Sequence[TextNode], text: str) -> None:
    assert chunks
    for chunk in chunks:
        assert chunk.start_char_idx is not None
        assert text[chunk.start_char_idx : chunk.end_char_idx] == chunk.text
    starts = [chunk.start_char_idx for chunk in chunks]
    assert starts == sorted(set(starts)), "in reading order"


def assert_all_is_covered(chunks: Sequence[TextNode], text: str) -> None:
    covered = set[int]()
    for chunk in chunks:
        covered.update(range(chunk.start_char_idx or 0, chunk.end_char_idx or 0))
    assert not {i for i, letter in enumerate(text) if not letter.isspace()} - covered


def letters(text: str) -> str:
    return "".join(text.split())


def test_a_text_is_cut_at_its_sentences() -> None:
    text = "Cats sleep all day. Dogs bark at night. Birds fly south in winter."

    chunks = chunks_of(text, words=8)

    assert [(c.text, c.start_char_idx, c.end_char_idx) for c in chunks] == [
        ("Cats sleep all day. Dogs bark at night.", 0, 39),
        ("Birds fly south in winter.", 40, 66),
    ]


def test_a_chunk_knows_its_file_its_version_and_its_place() -> None:
    [first, second] = chunks_of("Cats sleep all day. Dogs bark at night.", words=4)

    assert second.metadata == {
        "file_path": "/docs/notes.txt",
        "file_name": "notes.txt",
        "version": "v1",
        "generation": 0,
        "chunk_index": 1,
        "text_hash": digest("Dogs bark at night."),
    }
    assert first.metadata["chunk_index"] == 0
    assert first.ref_doc_id == second.ref_doc_id == PART.source_id


def test_a_chunk_of_a_page_has_its_label() -> None:
    loaded = LoadedPart(PART, [Segment("Page three.", 0, page=3), Segment("No page.", 12)], None)

    [paged, unpaged] = split(loaded, node_parser=splitter(50))

    assert paged.metadata["page_label"] == "3"
    assert "page_label" not in unpaged.metadata


def test_the_same_part_gives_the_same_ids_and_another_version_others() -> None:
    text = "Cats sleep all day. Dogs bark at night."

    ids = [chunk.node_id for chunk in chunks_of(text, words=4)]

    assert ids == [head_id(PART.source_id, 0), chunk_id(PART.source_id, "v1", 0, 1)]
    assert ids == [chunk.node_id for chunk in chunks_of(text, words=4)]
    for other in (
        replace(PART, version="v2", generation=1),
        replace(PART, path=Path("/docs/other.txt")),
    ):
        others = [chunk.node_id for chunk in chunks_of(text, words=4, part=other)]
        assert not set(ids) & set(others)


def test_nothing_but_the_text_is_embedded() -> None:
    loaded = LoadedPart(PART, [Segment("Cats sleep all day.", 0, page=3)], None)

    [chunk] = split(loaded, node_parser=splitter(50))
    chunk.metadata["chunk_count"] = 1  # the file's publication adds it

    assert chunk.get_content(MetadataMode.EMBED) == "Cats sleep all day."


def test_a_language_model_that_is_given_the_chunk_sees_the_file_and_the_page() -> None:
    loaded = LoadedPart(PART, [Segment("Cats sleep all day.", 0, page=3)], None)

    [chunk] = split(loaded, node_parser=splitter(50))
    chunk.metadata["chunk_count"] = 1

    shown = chunk.get_content(MetadataMode.LLM)
    assert shown == "file_name: notes.txt\npage_label: 3\n\nCats sleep all day."


def test_offsets_count_in_the_whole_document_not_in_the_segment() -> None:
    segments = [Segment("Cats sleep.", 1_000, page=7), Segment("Dogs bark.", 2_000, page=8)]

    chunks = split(LoadedPart(PART, segments, None), node_parser=splitter(50))

    assert [(c.start_char_idx, c.end_char_idx) for c in chunks] == [(1_000, 1_011), (2_000, 2_010)]
    assert [c.metadata["chunk_index"] for c in chunks] == [0, 1]


def test_a_text_file_read_in_many_parts_gives_chunks_that_stand_where_they_say(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.txt"
    lines = [
        f"  Sentence {number} stands here, and café № {number % 7} too.  It ends.\r\n"
        + "\n" * (number % 5)
        for number in range(300)
    ]
    path.write_bytes("".join(lines).encode())

    chunks = ingested(path, budget_chars=1_000)

    text = document_text(path)
    assert_each_stands_where_it_says(chunks, text)
    assert_all_is_covered(chunks, text)
    assert [c.metadata["chunk_index"] for c in chunks] == list(range(len(chunks)))
    assert len({c.node_id for c in chunks}) == len(chunks)
    assert len(chunks) > 100
    again = ingested(path, budget_chars=1_000)
    assert [(c.node_id, c.text) for c in again] == [(c.node_id, c.text) for c in chunks]


def test_a_pdf_read_in_many_parts_gives_chunks_that_stand_where_they_say(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    pages = [
        "\n".join(f"Page {page}, line {line}: (it) ends here." for line in range(20))
        for page in range(1, 6)
    ]
    path.write_bytes(pdf([pages[0], "", *pages[1:]]))

    chunks = ingested(path, budget_chars=800)

    text = document_text(path)
    assert text.count("\f") == 5
    assert_each_stands_where_it_says(chunks, text)
    assert_all_is_covered(chunks, text)
    assert [c.metadata["chunk_index"] for c in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        page = text.count("\f", 0, chunk.start_char_idx) + 1
        assert chunk.metadata["page_label"] == str(page)
    assert {c.metadata["page_label"] for c in chunks} == {"1", "3", "4", "5", "6"}


def pdf(pages: Sequence[str]) -> bytes:
    """A PDF of these pages, an object a line; its reader finds the objects by itself."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Times>>"]
    for page in pages:
        escaped = page.replace("(", "\\(").replace(")", "\\)")
        shown = "".join(f"({line})Tj T* " for line in escaped.split("\n"))
        stream = f"BT /F1 12 Tf 14 TL 50 700 Td {shown}ET"
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {len(objects)} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>"
        )
    kids = " ".join(f"{number} 0 R" for number in range(5, len(objects) + 1, 2))
    objects[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>"
    body = "".join(f"{number} 0 obj {one} endobj\n" for number, one in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\n%%EOF\n".encode()


def test_where_a_text_repeats_itself_the_chunks_still_cover_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("Connection refused.\n" * 2_000)

    chunks = ingested(path, budget_chars=10_000)

    assert_each_stands_where_it_says(chunks, document_text(path))
    assert_all_is_covered(chunks, document_text(path))


class Skipping(SentenceSplitter):
    """A node parser that leaves out every second chunk."""

    def split_text_metadata_aware(self, text: str, metadata_str: str) -> list[str]:
        return super().split_text_metadata_aware(text, metadata_str)[::2]


def test_the_chunks_of_a_parser_that_leaves_text_out_stand_where_it_says() -> None:
    text = "Cats sleep. Dogs bark. Birds fly. Bees hum. Fish swim."
    loaded = LoadedPart(PART, [Segment(text, 0)], None)
    skipping = Skipping(chunk_size=100, chunk_overlap=0, tokenizer=splitter(1)._tokenizer)

    chunks = split(loaded, node_parser=skipping)

    assert [chunk.text for chunk in chunks] == ["Cats sleep.", "Birds fly.", "Fish swim."]
    assert_each_stands_where_it_says(chunks, text)


PIECES = [
    *("Cats ", "sleep. ", "Dogs! ", "bark", "? ", ", ", "Sleep. ", "a.b. ", "3.5 ", '"So." '),
    *("\n", "\n\n", "\n\n\n", "\n \n", "  ", "\t", "\f", "\x85", "\u2028", "\u00a0", "\ufeff"),
    *("猫睡觉。", "été ", "😀", "e\u0301", "ﬁ ", "İ ", "\x00", "\x1c", "x" * 40),
]


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60),
    start=st.integers(0, 10_000),
    words=st.integers(1, 12),
    overlap=st.integers(0, 4),
)
def test_the_chunks_of_any_text_stand_where_they_say(
    pieces: list[str], start: int, words: int, overlap: int
) -> None:
    text = "".join(pieces)
    loaded = LoadedPart(PART, [Segment(text, start)], None)

    chunks = split(loaded, node_parser=splitter(words, min(overlap, words - 1)))

    assert bool(chunks) == bool(text.strip())
    if chunks:
        assert_each_stands_where_it_says(chunks, " " * start + text)


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=60), words=st.integers(1, 12))
def test_no_letter_of_any_text_is_lost_or_doubled(pieces: list[str], words: int) -> None:
    text = "".join(pieces)

    assert letters("".join(c.text for c in chunks_of(text, words=words))) == letters(text)


def smallest_chunk_allowed() -> int:
    for words in range(1, 1_000):
        try:
            Settings.load(chunk_tokens=words)
        except ConfigError:
            continue
        return words
    raise AssertionError


def test_splitting_prints_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # no .env
    # LlamaIndex's splitter warns of small chunks with print(): into the JSON of `alir --json`.
    smallest = SentenceSplitter(
        chunk_size=smallest_chunk_allowed(), chunk_overlap=0, tokenizer=str.split
    )
    loaded = LoadedPart(PART, [Segment("Cats sleep all day. " * 100, 0)], None)

    assert len(split(loaded, node_parser=smallest)) > 1
    assert capsys.readouterr().out == ""


def test_batches_hold_every_chunk_in_order() -> None:
    chunks = chunks_of("Cats sleep all day. " * 7, words=4)
    assert len(chunks) == 7

    assert [len(batch) for batch in batches(chunks, 3)] == [3, 3, 1]
    assert [chunk for batch in batches(chunks, 3) for chunk in batch] == chunks
    assert [len(batch) for batch in batches(chunks, 7)] == [7]
    assert list(batches([], 3)) == []
