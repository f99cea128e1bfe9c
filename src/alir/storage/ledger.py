"""What a collection holds of which file, and how far each came: a journal, and a cache.

The collection stays the truth. A ledger that is lost is made again from it (`replace_all`); one
that is there makes an unchanged file cost a stat.
"""

import re
import sqlite3
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Concatenate, ParamSpec
from uuid import uuid4

from alir.concurrency.coalescer import Coalescer
from alir.concurrency.per_loop import PerLoop
from alir.errors import AlirError
from alir.models.records import FailedFile, SourceRecord, Stage
from alir.storage import failures, fingerprints, sources
from alir.storage.ledger_database import LedgerDatabase
from alir.storage.ledger_schema import transaction
from alir.storage.lock import run_lock

MAX_WRITES = 256
"""Concurrent writes that share one transaction, at most."""

P = ParamSpec("P")
_Write = Callable[[sqlite3.Connection], None]


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
        self._read = self._database.run
        self._writes: PerLoop[Coalescer[None, _Write, None]] = PerLoop(
            lambda: Coalescer(
                self._write_together,
                max_items=MAX_WRITES,
                is_divisible=lambda error: not isinstance(error, AlirError),
            )
        )

    @property
    def path(self) -> Path:
        """The ledger's file, absolute."""
        return self._database.path

    async def sources(self, ids: Collection[str]) -> dict[str, SourceRecord]:
        """Return what is known of each of `ids`; unknown ones are left out."""
        found = await self._read(sources.by_id, self.collection, ids)
        return {record.source_id: record for record in found}

    async def all(self) -> AsyncIterator[SourceRecord]:
        """Yield every record in the order of the ids, a page in memory at a time."""
        after = ""
        while page := await self._read(sources.page, self.collection, after):
            for record in page:
                yield record
            after = page[-1].source_id

    async def is_empty(self) -> bool:
        """Return whether nothing is known of any source."""
        return not await self._read(sources.page, self.collection, "", limit=1)

    async def counts(self) -> dict[Stage, int]:
        """Return how many sources there are at each stage."""
        return await self._read(sources.counts, self.collection)

    async def record(self, records: Sequence[SourceRecord]) -> None:
        """Write `records` in one transaction, in place of those of the same sources."""
        await self._write(sources.write, self.collection, records)

    async def forget(self, ids: Collection[str]) -> None:
        """Delete what is known of `ids`."""
        await self._write(sources.forget, self.collection, ids)

    async def replace_all(self, records: AsyncIterable[SourceRecord]) -> None:
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

    async def failed(self, reasons: Mapping[Path, str], now_s: float) -> None:
        """Note one more failed attempt at each path, and when to try again."""
        await self._write(failures.write, self.collection, reasons, now_s)

    async def recovered(self, paths: Collection[Path]) -> None:
        """Forget the failures of `paths`."""
        await self._write(failures.forget, self.collection, paths)

    async def failures(self) -> list[FailedFile]:
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
        is_short = re.fullmatch(r"\w{1,64}", self.collection, re.ASCII)
        name = self.collection if is_short else sha256(self.collection.encode()).hexdigest()
        path = self.path.with_name(f".{self.path.name.removeprefix('.')}.{name}.lock")
        return run_lock(path, self.collection, what)

    async def aclose(self) -> None:
        """Close the file when what was asked of it is done."""
        await self._writes.on_this_loop().drain()
        await self._database.aclose()

    async def _write(
        self,
        write: Callable[Concatenate[sqlite3.Connection, P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        await self._writes.on_this_loop()(None, [lambda db: write(db, *args, **kwargs)])

    async def _write_together(self, _: None, writes: Sequence[_Write]) -> list[None]:
        return await self._read(_in_one_transaction, writes)


def _in_one_transaction(db: sqlite3.Connection, writes: Sequence[_Write]) -> list[None]:
    with transaction(db):
        for write in writes:
            write(db)
    return [None] * len(writes)
