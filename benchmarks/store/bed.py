"""A Milvus to measure on, and the collections of the bench in it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from llama_index.vector_stores.milvus import MilvusVectorStore
from pymilvus import AsyncMilvusClient

from alir.milvus.store import AlirMilvusStore
from benchmarks.measure import WrongResult

METRIC = "COSINE"
TIMEOUT_S = 600.0
"""Ten thousand calls at once wait for each other; that is measured, not an error."""


class Bed:
    """One Milvus, and both stores on it; collections made here are dropped at the end.

    Args:
        uri: a Milvus Lite file (ends in .db) or a server's address.
        dim: dimension of every vector.
        consistency_level: of every search.
    """

    def __init__(self, uri: str, token: str, *, dim: int, consistency_level: str) -> None:
        self.uri = uri if "://" in uri else str(Path(uri).absolute())
        self._options: dict[str, Any] = {
            "token": token,
            "dim": dim,
            "similarity_metric": METRIC,
            "consistency_level": consistency_level,
        }
        self.consistency_level = consistency_level
        self._prefix = f"alir_bench_{uuid4().hex[:8]}"
        self._made = 0
        self._to_close: dict[str, list[Callable[[], Awaitable[None]]]] = {}
        # Open as long as the bed is: it says in one sentence what is wrong with the address, and
        # Milvus Lite ends with the last of our connections.
        self._keeper = AlirMilvusStore(self.uri, collection_name=self._prefix, **self._options)
        self.client = AsyncMilvusClient(uri=self.uri, token=token, dedicated=True)
        """pymilvus's own client, on the caller's event loop, with a connection of its own."""

    @property
    def is_lite(self) -> bool:
        """Whether this is a Milvus Lite file, not a server."""
        return self._keeper.connection.is_lite

    async def __aenter__(self) -> "Bed":
        await self._keeper.count()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for name in list(self._to_close):
                await self.drop(name)
        finally:
            await self.client.close()
            await self._keeper.aclose()

    def collection(self) -> str:
        """Return a new name; what is made under it is dropped when the bed is left."""
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        self._to_close[name] = []
        return name

    async def theirs(self, collection: str) -> MilvusVectorStore:
        """Open LlamaIndex's store; its constructor makes the collection and blocks."""
        store = await asyncio.to_thread(
            MilvusVectorStore, self.uri, collection_name=collection, **self._options
        )

        async def close() -> None:
            if store.aclient is not None:
                await store.aclient.close()
            store.client.close()

        self._to_close[collection].append(close)
        return store

    def ours(self, collection: str, *, upsert: bool = False) -> AlirMilvusStore:
        """Return alir's store with the same options; the first add makes the collection."""
        store = AlirMilvusStore(
            self.uri,
            collection_name=collection,
            upsert_mode=upsert,
            timeout_s=TIMEOUT_S,
            **self._options,
        )
        self._to_close[collection].append(store.aclose)
        return store

    async def check_rows(self, collection: str, expected: int) -> None:
        """Count the rows as they are now, of any writer.

        Raises:
            WrongResult: there are more or fewer than `expected`.
        """
        found = await self.client.query(
            collection, output_fields=["count(*)"], consistency_level="Strong"
        )
        rows = int(found[0]["count(*)"])
        if rows != expected:
            raise WrongResult(f"{rows} rows were stored, not {expected}")

    async def drop(self, collection: str) -> None:
        """Drop a collection of the bench and close the stores on it."""
        for close in self._to_close.pop(collection):
            await close()
        await self.client.drop_collection(collection)
