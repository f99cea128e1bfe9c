"""Drafts: only what no process writes is taken for a leftover."""

import stat
from pathlib import Path

from alir.server.routes.drafts import PREFIX, clear_drafts, open_draft


def test_a_draft_that_is_being_written_stays_and_a_leftover_goes(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "kept.txt").write_text("kept")
    for folder in (tmp_path, tmp_path / "acme"):
        (folder / f"{PREFIX}left").write_text("half of an upl")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "gone")
    draft, file = open_draft(tmp_path / "acme")

    clear_drafts(tmp_path)
    while_written = {path.name for path in tmp_path.rglob("*")}
    file.close()  # as the end of its process does
    clear_drafts(tmp_path)

    assert while_written == {"acme", draft.name, "kept.txt"}
    assert {path.name for path in tmp_path.rglob("*")} == {"acme", "kept.txt"}


def test_a_draft_is_its_owners_alone(tmp_path: Path) -> None:
    draft, file = open_draft(tmp_path)
    with file:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
