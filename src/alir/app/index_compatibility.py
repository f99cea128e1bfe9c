"""The guard: nothing is written to an index that is made with anything else than the present."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from alir.errors import FingerprintMismatch
from alir.models.fingerprint import Fingerprint, differences
from alir.ports import Ledger


class IndexCompatibility:
    """Compares what an index is made with to what would be made now.

    An older alir's index does not say all of it. What the ledger noted when that was first written
    to by this one fills the gaps.

    Args:
        index: its name, for the error.
        live: returns the live collection and what that says of itself; None where there is none.
        present: returns what would be made now; blocks, as it may hash the model's weights.
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
        """Refuse an index that is made with anything else.

        Raises:
            FingerprintMismatch: it is.
        """
        await self._checked(await self._ledger.fingerprint() or {})

    async def enforce(self) -> None:
        """Check, and note what the index is made with: it is about to be written to."""
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
