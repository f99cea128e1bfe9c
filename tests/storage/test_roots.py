"""The table of roots: what each given path led to, by collection."""

import os
from pathlib import Path

from alir.models.files import RootTarget
from alir.storage.ledger import SqliteLedger

NOW, OLD = Path("/docs/current"), Path("/docs/stable")
THREE = Path("/docs/3")
FOUR = Path(os.fsdecode(b"/docs/vi\xe9r"))


async def test_a_path_keeps_each_target_until_it_is_settled(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "a.ledger", "docs")
    other = SqliteLedger(tmp_path / "a.ledger", "notes")
    assert await ledger.root_targets() == []

    await ledger.record_root_targets([RootTarget(NOW, THREE), RootTarget(OLD, THREE)])
    await ledger.record_root_targets([RootTarget(NOW, FOUR)])
    await ledger.record_root_targets([RootTarget(NOW, FOUR)])
    await other.record_root_targets([RootTarget(NOW, THREE)])

    both = [RootTarget(NOW, THREE), RootTarget(NOW, FOUR)]
    assert await ledger.root_targets() == [*both, RootTarget(OLD, THREE)]

    await ledger.settle_root_targets([RootTarget(NOW, FOUR)])

    assert await ledger.root_targets() == [RootTarget(NOW, FOUR), RootTarget(OLD, THREE)]
    assert await other.root_targets() == [RootTarget(NOW, THREE)]
    await ledger.aclose()
    await other.aclose()
