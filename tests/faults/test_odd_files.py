"""Files that change under the reader's hands, and things in a folder that are no files.

What happens between two looks at a file is made to happen by acting at a call in between: its
hash is taken before `catalog.live_versions` is asked, its text is read after.
"""

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from llama_index.core.node_parser.interface import NodeParser
from pymilvus import MilvusClient

from alir import Alir, IngestReport, Settings
from alir.errors import NothingToIngest
from alir.testing import HashEmbedding
from tests.soak.faults import Faults
from tests.soak.judge import Difference, difference, stored

CHANGED = "changed while it was read; the next run reads it again"
OLD, NEW = "The old text, of one chunk.", "The new text, as long."
NOBODY = 65_534


class Index:
    """An ingestion with faults, and what its collection holds."""

    def __init__(self, app: Alir, client: MilvusClient) -> None:
        self.app = app
        self.node_parser: NodeParser = app.shard.node_parser
        self.faults = Faults()
        self.faults.none()
        self.faults.watch(app)
        self._client = client

    async def ingest(self, *paths: Path) -> IngestReport:
        report = await self.app.ingest.run(paths=list(paths))
        assert isinstance(report, IngestReport)
        return report

    def difference(self, texts: dict[Path, str]) -> Difference:
        """How the collection differs from these files."""
        rows = stored(self._client, self.app.settings.collection)
        return difference(rows, texts, self.node_parser)

    def between_hash_and_text(self, act: Callable[[], object]) -> None:
        """Do `act` once, after the files of the next run were hashed and before they are read."""
        self.faults.plan(act, of="catalog.live_versions", moment="after")

    def between_two_parts(self, act: Callable[[], object]) -> None:
        """Do `act` once, when a first part of a file has been written."""
        self.faults.plan(act, of="vector_store.async_add", moment="after")


@pytest.fixture
async def index(lite_file: Path, client: MilvusClient) -> AsyncIterator[Index]:
    settings = Settings.load(
        milvus_uri=str(lite_file),
        collection=f"odd_{uuid4().hex[:12]}",
        chunk_tokens=64,
        chunk_overlap_tokens=0,
    )
    async with Alir(settings, embedding=HashEmbedding(dim=8)) as app:
        yield Index(app, client)


def reasons(report: IngestReport) -> dict[str, str]:
    return {one.path.name: one.reason for one in report.failed}


async def test_a_file_that_changes_after_it_was_hashed_keeps_its_old_version_until_the_next_run(
    index: Index, tmp_path: Path
) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "other.txt"
    path.write_text(OLD)
    other.write_text("Nobody touches this.")
    await index.ingest(tmp_path)
    path.write_text("Something in between.")
    other.write_text("But for this.")

    index.between_hash_and_text(lambda: path.write_text(NEW))
    report = await index.ingest(tmp_path)

    assert index.faults.happened
    assert (reasons(report), report.updated) == ({"a.txt": CHANGED}, 1)
    assert not index.difference({path: OLD, other: "But for this."})
    assert (await index.ingest(tmp_path)).updated == 1
    assert not index.difference({path: NEW, other: "But for this."})


async def test_a_file_that_changed_for_a_moment_is_not_held_in_the_text_of_that_moment(
    index: Index, tmp_path: Path
) -> None:
    # The next run finds the very hash that this one took, so what stands under it must be its text.
    path = tmp_path / "a.txt"
    path.write_text(NEW)

    index.between_hash_and_text(lambda: path.write_text("For a moment only."))
    await index.ingest(tmp_path)
    path.write_text(NEW)
    await index.ingest(tmp_path)

    assert not index.difference({path: NEW})


async def test_a_file_that_vanishes_after_it_was_hashed_fails_alone_and_leaves_nothing(
    index: Index, tmp_path: Path
) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "other.txt"
    path.write_text(OLD)
    other.write_text(OLD)
    await index.ingest(tmp_path)
    path.write_text(NEW)
    other.write_text(NEW)

    index.between_hash_and_text(path.unlink)
    report = await index.ingest(tmp_path)

    assert reasons(report) == {"a.txt": "vanished while it was read"}
    assert not index.difference({other: NEW})


@pytest.mark.timeout(60)  # opening a pipe would wait for ever
@pytest.mark.parametrize("what", ["pipe", "folder", "link"])
async def test_what_takes_a_files_place_after_it_was_hashed_is_not_read(
    index: Index, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    secret = tmp_path / "secret.txt"
    secret.write_text("Outside of the folder.")
    path = folder / "a.txt"
    path.write_text(NEW)
    (folder / "other.txt").write_text(NEW)

    def replace() -> None:
        path.unlink()
        if what == "pipe":
            os.mkfifo(path)
        elif what == "folder":
            path.mkdir()
        else:
            path.symlink_to(secret)

    index.between_hash_and_text(replace)
    report = await index.ingest(folder)

    assert [*reasons(report)] == ["a.txt"]
    assert not index.difference({folder / "other.txt": NEW})


@pytest.mark.parametrize("change", ["grows", "shrinks", "changes", "vanishes"])
async def test_a_file_that_changes_between_its_parts_leaves_nothing_of_any_version(
    index: Index, tmp_path: Path, change: str
) -> None:
    index.app.shard.shard_chars = 2_000
    path = tmp_path / "long.txt"
    text = "".join(f"Sentence number {number:04}.\n" for number in range(400))
    path.write_text(text)

    def act() -> None:
        if change == "grows":
            with path.open("a") as file:
                file.write("One more sentence.\n")
        elif change == "shrinks":
            path.write_text(text[:100])
        elif change == "changes":
            path.write_text(text.replace("number", "NUMBER"))
        else:
            path.unlink()

    index.between_two_parts(act)
    report = await index.ingest(tmp_path)

    assert index.faults.happened
    assert [*reasons(report)] == ["long.txt"]
    assert not index.difference({})
    if change != "vanishes":
        index.app.shard.shard_chars = 500_000
        assert (await index.ingest(tmp_path)).failed == []
        assert not index.difference({path: path.read_text()})


async def test_a_folder_that_holds_all_that_is_no_file_is_read_without_waiting_for_any(
    index: Index, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    (folder / "in").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("Outside of the folder.")
    (folder / "a.txt").write_text(OLD)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "above").symlink_to(tmp_path)
    (folder / "in" / "round").symlink_to(folder)
    (folder / "itself.txt").symlink_to(folder / "itself.txt")
    (folder / "zero.txt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.txt")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.path.relpath(folder / "socket.txt"))
    try:
        report = await index.ingest(folder)
    finally:
        listening.close()

    assert (report.files, report.failed) == (1, [])
    assert not index.difference({folder / "a.txt": OLD})


async def test_odd_names_are_kept_to_the_byte_and_go_again(index: Index, tmp_path: Path) -> None:
    names = ["line\nend.txt", "tab\t\\\"'`%$.txt", "\u202edesrever.txt", "n\u0303.txt", "ñ.txt"]
    names += ["x" * 251 + ".txt", " .txt", "*.txt", "a' or doc_id != '.txt"]
    texts = {tmp_path / name: f"This is file {number}." for number, name in enumerate(names)}
    for path, text in texts.items():
        path.write_text(text)
    not_utf8 = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    not_utf8.write_text("A name in Latin-1.")

    report = await index.ingest(tmp_path)

    assert [one.reason for one in report.failed] == ["has a name that is not UTF-8; rename it"]
    assert not index.difference(texts)
    while texts:
        path, _ = texts.popitem()
        path.unlink()
        if len(texts) % 4 == 1:
            await index.ingest(tmp_path)
            assert not index.difference(texts)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to read everything; as whoever one is if not root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=["none", "no entry", "no list"])
async def test_a_folder_that_may_not_be_looked_into_keeps_what_it_has(
    index: Index, tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "docs"
    (folder / "in").mkdir(parents=True)
    texts = {folder / "a.txt": OLD, folder / "in" / "b.txt": OLD}
    for path, text in texts.items():
        path.write_text(text)
    await index.ingest(folder)
    for above in folder.parents[:4]:
        if above.stat().st_uid == os.geteuid() and above != Path("/tmp"):  # noqa: S108
            above.chmod(above.stat().st_mode | 0o111)
    for ledger in [beside := index.app.ledger.path.parent, *beside.glob("*.ledger*")]:
        ledger.chmod(0o777)  # only what is in the folder is to be out of reach
    (folder / "in").chmod(mode)

    try:
        with as_nobody():
            report = await index.ingest(folder)
    finally:
        (folder / "in").chmod(0o755)

    assert report.deleted == 0
    assert report.failed
    assert not index.difference(texts)


async def test_an_emptied_root_deletes_nothing(index: Index, tmp_path: Path) -> None:
    # As the folder of a disk that is not mounted.
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text(OLD)
    await index.ingest(folder)
    (folder / "a.txt").rename(tmp_path / "a.txt")

    with pytest.raises(NothingToIngest):
        await index.ingest(folder)

    assert not index.difference({folder / "a.txt": OLD})
