"""The ledger: a journal of how far each file came, and a cache of its size and times.

The collection is the truth. A lost ledger is made again from it (`replace_sources`). With a ledger,
an unchanged file costs one stat.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from alir.errors import AlirError
from alir.models.files import RootTarget
from alir.models.records import FailedFile, SourceRecord, Stage
from alir.storage import failures, fingerprints, generations, roots, sources
from alir.storage.ledger_database import LedgerDatabase
from alir.storage.lock import describe_holder, run_lock


class SqliteLedger:
    """The records of one collection in a ledger file.

    The file is opened or created at first use, and again after `aclose`. A write that returned is
    on the disk. Concurrent writes share a transaction; each is done wholly or not at all.
    Every method raises `InvalidSetting` where the file cannot be opened or is no ledger, and
    `LedgerFailed` where it cannot be written or read. A damaged file is moved aside.

    Args:
        collection: a name of one collection on one server.
    """

    def __init__(self, path: Path, collection: str) -> None:
        self.collection = collection
        self._database = LedgerDatabase(path)
        self._read = self._database.run_in_thread
        self._write = self._database.write
        self.path = self._database.path
        """The ledger's file, absolute."""
        is_short = re.fullmatch(r"\w{1,64}", collection, re.ASCII)
        name = collection if is_short else sha256(collection.encode()).hexdigest()
        self._lock_path = self.path.with_name(f".{self.path.name.removeprefix('.')}.{name}.lock")

    async def source_records(self, ids: Collection[str]) -> dict[str, SourceRecord]:
        """Return the records of `ids` by id; unknown ids are left out."""
        found = await self._read(sources.by_id, self.collection, ids)
        return {record.source_id: record for record in found}

    async def all_sources(self) -> AsyncIterator[SourceRecord]:
        """Yield every record in the order of the ids, a page in memory at a time."""
        after = ""
        while page := await self._read(sources.page, self.collection, after):
            for record in page:
                yield record
            after = page[-1].source_id

    async def unsettled_sources(self) -> list[SourceRecord]:
        """Return the records of what was begun and is not settled."""
        return await self._read(sources.unsettled, self.collection)

    async def sources_below(self, roots: Sequence[Path]) -> AsyncIterator[SourceRecord]:
        """Yield the records of the files that `roots` are or hold, a page in memory at a time."""
        for root in roots:
            after = b""
            while page := await self._read(sources.below, self.collection, root, after):
                for record in page:
                    yield record
                after = os.fsencode(page[-1].path)

    async def is_empty(self) -> bool:
        """Return whether there is no record of any source."""
        return not await self._read(sources.page, self.collection, "", limit=1)

    async def count_by_stage(self) -> dict[Stage, int]:
        """Return how many sources there are at each stage."""
        return await self._read(sources.counts, self.collection)

    async def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Write `records` in one transaction, replacing those of the same sources."""
        await self._write(sources.write, self.collection, records)

    async def next_generation(self, above: int = 0) -> int:
        """Return a fencing token: higher than `above`, and than every one that it returned."""
        return await self._read(generations.draw, self.collection, above)

    async def forget_sources(self, ids: Collection[str]) -> None:
        """Delete the records of `ids`."""
        await self._write(sources.forget, self.collection, ids)

    async def replace_sources(self, records: AsyncIterable[SourceRecord]) -> None:
        """Replace all records by `records`; if reading them fails, the old ones stay.

        Hold the lock meanwhile.
        """
        draft = f"draft_{uuid4().hex}"
        await self._write(sources.begin, draft)
        try:
            page: list[SourceRecord] = []
            async for record in records:
                page.append(record)
                if len(page) == sources.PAGE:
                    await self._write(sources.write, self.collection, page, draft)
                    page = []
            await self._write(sources.write, self.collection, page, draft)
            await self._write(sources.replace, self.collection, draft)
        finally:
            with suppress(AlirError):  # at the latest it goes when the file is closed
                await self._write(sources.end, draft)

    async def record_failures(self, reasons: Mapping[Path, str], now_s: float) -> None:
        """Note one more failed attempt at each path, and when to try again."""
        await self._write(failures.write, self.collection, reasons, now_s)

    async def forget_failures(self, paths: Collection[Path]) -> None:
        """Forget the failures of `paths`."""
        await self._write(failures.forget, self.collection, paths)

    async def failed_files(self) -> list[FailedFile]:
        """Return the failed files, in the order of their paths."""
        return await self._read(failures.read, self.collection)

    async def root_targets(self) -> list[RootTarget]:
        """Return what every given path led to: more than one where the index may hold both."""
        return await self._read(roots.read, self.collection)

    async def record_root_targets(self, targets: Collection[RootTarget]) -> None:
        """Note what given paths lead to, beside what they led to before."""
        await self._write(roots.write, self.collection, targets)

    async def settle_root_targets(self, targets: Collection[RootTarget]) -> None:
        """Forget what the given paths of `targets` led to before: the index has none of it."""
        await self._write(roots.settle, self.collection, targets)

    async def fingerprint(self) -> dict[str, str] | None:
        """Return the noted fingerprint of the collection; None if there is none."""
        return await self._read(fingerprints.read, self.collection)

    async def set_fingerprint(self, made_with: Mapping[str, str]) -> None:
        """Note the fingerprint of the collection."""
        await self._write(fingerprints.write, self.collection, made_with)

    async def run_in_progress(self) -> str:
        """Return which run holds the lock, without taking it; empty if none is known to."""
        return await asyncio.to_thread(describe_holder, self._lock_path)

    def lock(self, what: str) -> AbstractAsyncContextManager[None]:
        """Keep other runs off the collection while in this context; `what` is for their error.

        Raises:
            RunInProgress: another run is on it, in this process or another.
        """
        return run_lock(self._lock_path, self.collection, what)

    async def aclose(self) -> None:
        """Finish the pending calls and close the file."""
        await self._database.aclose()
