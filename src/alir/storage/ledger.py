"""What a collection holds of which file, and how far each came: a journal, and a cache.

The collection stays the truth. A ledger that is lost is made again from it (`replace_all`); one
that is there makes an unchanged file cost a stat.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from alir.errors import AlirError
from alir.models.records import FailedFile, SourceRecord, Stage
from alir.storage import failures, fingerprints, sources
from alir.storage.ledger_database import LedgerDatabase
from alir.storage.lock import run_lock


class SqliteLedger:
    """The part of a ledger's file that belongs to one collection.

    The file is opened, or made, at first use; after `aclose` it is opened again. What returned is
    on the disk. Concurrent writes share a transaction; each has happened wholly or not at all.
    Every method raises `InvalidSetting` where the file cannot be opened or is no ledger, and
    `LedgerFailed` where it cannot be written or read. A damaged file is moved aside.

    Args:
        collection: any name that stands for one collection on one server.
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
        """Return what is known of each of `ids`; unknown ones are left out."""
        found = await self._read(sources.by_id, self.collection, ids)
        return {record.source_id: record for record in found}

    async def all_sources(self) -> AsyncIterator[SourceRecord]:
        """Yield every record in the order of the ids, a page in memory at a time."""
        after = ""
        while page := await self._read(sources.page, self.collection, after):
            for record in page:
                yield record
            after = page[-1].source_id

    async def is_empty(self) -> bool:
        """Return whether nothing is known of any source."""
        return not await self._read(sources.page, self.collection, "", limit=1)

    async def count_by_stage(self) -> dict[Stage, int]:
        """Return how many sources there are at each stage."""
        return await self._read(sources.counts, self.collection)

    async def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Write `records` in one transaction, in place of those of the same sources."""
        await self._write(sources.write, self.collection, records)

    async def forget_sources(self, ids: Collection[str]) -> None:
        """Delete what is known of `ids`."""
        await self._write(sources.forget, self.collection, ids)

    async def replace_sources(self, records: AsyncIterable[SourceRecord]) -> None:
        """Have `records` be all there is; if they fail to come, what was known stays.

        Nobody else records meanwhile: hold the lock.
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

    async def fingerprint(self) -> dict[str, str] | None:
        """Return what the collection is made with; None where this ledger never heard of it."""
        return await self._read(fingerprints.read, self.collection)

    async def set_fingerprint(self, made_with: Mapping[str, str]) -> None:
        """Note what the collection is made with."""
        await self._write(fingerprints.write, self.collection, made_with)

    def lock(self, what: str) -> AbstractAsyncContextManager[None]:
        """Keep other runs off the collection while in this context; `what` is told to them.

        Raises:
            RunInProgress: another run is on it, in this process or another.
        """
        return run_lock(self._lock_path, self.collection, what)

    async def aclose(self) -> None:
        """Close the file when what was asked of it is done."""
        await self._database.aclose()
