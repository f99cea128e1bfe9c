"""Audit: folder, ledger and index are compared, twice where they disagree."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.errors import PathNotFound
from alir.models.files import digest, head_id, source_id
from alir.models.records import SourceRecord
from alir.steps.ingest.audit import Audit, audit
from alir.steps.ingest.compare import fingerprint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("words")
    return folder


@pytest.fixture
async def held(store: Any, ledger: Any, root: Path) -> Path:
    """A file that folder, ledger and index agree on."""
    path = root / "a.txt"
    id_, content = source_id(path), hashlib.sha256(path.read_bytes()).hexdigest()
    version = digest(id_, content, "c")
    about = {"file_path": str(path), "version": version, "generation": 7, "chunk_index": 0}
    store.add(
        [
            TextNode(
                id_=head_id(id_, 7),
                text="words",
                metadata=about
                | {"text_hash": digest("words"), "chunk_count": 1, "content_hash": content},
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=id_)},
            )
        ]
    )
    record = SourceRecord(id_, path, 5, 0, content, version, 1, "settled", generation=7)
    await ledger.record_sources([record])
    return path


async def audited(catalog: Any, ledger: Any, *roots: Path) -> Audit:
    async def hashed(parts: Any, known: Any) -> Any:
        assert not known, "nothing is taken from the ledger's times"
        return fingerprint(parts, chunking="c")

    return await audit(roots or None, fingerprint=hashed, catalog=catalog, ledger=ledger)


def told(found: Audit) -> list[tuple[str, str]]:
    return [(one.path.name, one.kind) for one in found.differences]


async def test_what_agrees_is_read_once(catalog: Any, ledger: Any, root: Path, held: Path) -> None:
    for roots in ((), (root,), (held,)):
        found = await audited(catalog, ledger, *roots)
        assert (told(found), found.files, found.empty) == ([], 1, ())


async def test_the_content_is_hashed_whatever_the_ledger_says(
    catalog: Any, ledger: Any, held: Path
) -> None:
    held.write_text("other")
    assert told(await audited(catalog, ledger)) == [("a.txt", "other content")]


async def test_a_new_file_is_found_below_a_path_only(
    catalog: Any, ledger: Any, root: Path, held: Path
) -> None:
    (root / "new.txt").write_text("new")
    assert told(await audited(catalog, ledger)) == []
    found = await audited(catalog, ledger, root)
    assert told(found) == [("new.txt", "not held")]
    assert found.not_held == {hashlib.sha256(b"new").hexdigest()}


async def test_a_folder_without_files_is_told_empty(
    catalog: Any, ledger: Any, root: Path, held: Path
) -> None:
    held.unlink()
    for roots in ((), (root,)):
        found = await audited(catalog, ledger, *roots)
        assert (told(found), found.empty) == ([("a.txt", "gone")], (root,))
    root.rmdir()
    for roots in ((), (root,)):
        assert (await audited(catalog, ledger, *roots)).empty == (root,)


async def test_a_path_that_nobody_knows_is_refused(catalog: Any, ledger: Any, root: Path) -> None:
    with pytest.raises(PathNotFound):
        await audited(catalog, ledger, root / "nothing")


async def test_what_only_one_reading_says_is_not_told(
    catalog: Any, ledger: Any, root: Path, held: Path
) -> None:
    class MendsItself:
        """Lacks every row in its first answer."""

        answers = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(catalog, name)

        async def stored_chunks(self, **options: Any) -> Any:
            self.answers += 1
            async for row in catalog.stored_chunks(**options):
                if self.answers > 1:
                    yield row

    flaky = MendsItself()
    assert told(await audited(flaky, ledger, root)) == []
    assert flaky.answers == 2
