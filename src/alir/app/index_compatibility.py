"""Index compatibility: an index is written to only with the settings that made it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from alir.errors import FingerprintMismatch
from alir.models.fingerprint import Fingerprint, differences
from alir.ports import Ledger


class IndexCompatibility:
    """Compares the fingerprint of an index to that of one made now.

    The index of an older alir records a part of it. The ledger notes the rest when this alir first
    writes to the index.

    Args:
        index: its name, for the error.
        live: returns the live collection and the fingerprint that it records; None if none exists.
        present: returns the fingerprint of an index made now. Blocks: it may hash the weights.
    """

    def __init__(
        self,
        index: str,
        *,
        live: Callable[[], Awaitable[tuple[str, Fingerprint] | None]],
        present: Callable[[], Fingerprint],
        ledger: Ledger,
    ) -> None:
        self._index = index
        self._live = live
        self._present = present
        self._ledger = ledger

    async def check(self) -> None:
        """Compare the fingerprints.

        Raises:
            FingerprintMismatch: they differ.
        """
        await self._checked(await self._ledger.fingerprint() or {})

    async def enforce(self) -> None:
        """Check, and note the fingerprint in the ledger. Call it before the index is written to."""
        noted = await self._ledger.fingerprint() or {}
        made_with = await self._checked(noted)
        if made_with is not None and made_with != noted:
            await self._ledger.set_fingerprint(made_with)

    async def _checked(self, noted: Fingerprint) -> Mapping[str, str] | None:
        live = await self._live()
        if live is None:
            return None
        collection, recorded = live
        held = {**noted, **recorded} if noted.get("collection") == collection else {**recorded}
        present = await asyncio.to_thread(self._present)
        if differing := differences(held, present):
            raise FingerprintMismatch(
                self._index,
                [str(one) for one in differing],
                " ".join(one.restored_by for one in differing if one.restored_by),
            )
        return {**present, **held, "collection": collection}
