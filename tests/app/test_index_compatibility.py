"""Index compatibility: what is known of an index is compared, and the rest is noted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alir.app.index_compatibility import IndexCompatibility
from alir.errors import FingerprintMismatch
from alir.models.fingerprint import Fingerprint
from alir.storage.ledger import SqliteLedger

PRESENT = {"embedding_model": "small", "dim": "8", "chunk_tokens": "256"}


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "a.ledger", "docs")
    yield ledger
    await ledger.aclose()


def compatibility(ledger: SqliteLedger, live: tuple[str, Fingerprint] | None) -> IndexCompatibility:
    async def found() -> tuple[str, Fingerprint] | None:
        return live

    return IndexCompatibility("docs", live=found, present=lambda: PRESENT, ledger=ledger)


async def test_no_index_is_compatible_and_nothing_is_noted(ledger: SqliteLedger) -> None:
    await compatibility(ledger, None).enforce()

    assert await ledger.fingerprint() is None


async def test_an_index_made_with_something_else_is_refused_with_the_setting_that_helps(
    ledger: SqliteLedger,
) -> None:
    other = compatibility(ledger, ("docs__0", {**PRESENT, "chunk_tokens": "64"}))

    for refusing in (other.check, other.enforce):
        with pytest.raises(FingerprintMismatch, match="chunks of 64 tokens, not 256") as refused:
            await refusing()
        assert "ALIR_CHUNK_TOKENS=64" in str(refused.value)
    assert await ledger.fingerprint() is None


async def test_what_an_old_index_does_not_record_is_noted_before_it_is_written_to(
    ledger: SqliteLedger,
) -> None:
    old = {"embedding_model": "small", "dim": "8"}
    await compatibility(ledger, ("docs__0", old)).check()
    assert await ledger.fingerprint() is None

    await compatibility(ledger, ("docs__0", old)).enforce()

    assert await ledger.fingerprint() == {**PRESENT, "collection": "docs__0"}


async def test_a_note_counts_for_the_collection_that_it_is_of(ledger: SqliteLedger) -> None:
    await ledger.set_fingerprint({"chunk_tokens": "64", "collection": "docs__0"})

    with pytest.raises(FingerprintMismatch):
        await compatibility(ledger, ("docs__0", {})).check()
    await compatibility(ledger, ("docs__1", {})).check()
