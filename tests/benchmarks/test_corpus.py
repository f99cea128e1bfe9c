"""The documents of a bench: as alir reads them, cut or repeated."""

from pathlib import Path

import pytest
from llama_index.core.schema import MetadataMode

from alir.errors import NothingToIngest, PathNotFound
from benchmarks import prose
from benchmarks.corpus import files_below, read, sized
from benchmarks.ingest.side import Cutter


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("a" * 250)
    (folder / "b.txt").write_text("b" * 50)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    return files_below([folder])


def test_documents_have_the_text_alone_where_it_counts(files: list[Path]) -> None:
    documents = list(read(files))

    assert [file.name for file in files] == ["a.txt", "b.txt", "broken.pdf"]
    assert [document.metadata["file_name"] for document in documents] == ["a.txt", "b.txt"]
    for mode in (MetadataMode.EMBED, MetadataMode.LLM):
        assert documents[1].get_content(mode) == "b" * 50


@pytest.mark.parametrize(("chunks", "names"), [(2, 2), (4, 2), (9, 5)])
def test_text_is_cut_or_repeated_to_a_number_of_chunks(
    files: list[Path], tmp_path: Path, chunks: int, names: int
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    written = sized(files, chunks, out, Cutter(chunk_chars=100))

    assert len(written) == names
    assert len({path.read_text() for path in written}) == names
    texts = [text for path in written for text in path.read_text().split("\n\n")[1:]]
    assert len(texts) == chunks


def test_a_corpus_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")

    with pytest.raises(NothingToIngest):
        sized([tmp_path / "broken.pdf"], 5, tmp_path, Cutter(chunk_chars=100))


def test_a_cutter_cuts_every_so_many_characters_and_loses_none(files: list[Path]) -> None:
    nodes = Cutter(chunk_chars=100).get_nodes_from_documents(list(read(files)))

    assert [len(node.get_content()) for node in nodes] == [100, 100, 50, 50]


def test_paths_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        files_below([tmp_path / "nowhere"])


def test_prose_is_the_same_for_a_seed_and_as_long_as_asked(tmp_path: Path) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    prose.write(one, 5_000, seed=1)
    prose.write(other, 5_000, seed=1)

    assert one.read_text() == other.read_text()
    assert 5_000 <= one.stat().st_size < 5_200
    assert one.read_text().count("\n\n") > 5
