"""The rest of Milvus, on a store's own connection: what `MilvusVectorStore` calls its clients."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from pymilvus import AsyncMilvusClient

from alir.milvus.client.connection import MilvusConnection


class AsyncStoreClient:
    """`AsyncMilvusClient`'s methods, awaited from any event loop, with alir's errors."""

    def __init__(self, connection: MilvusConnection) -> None:
        self._connection = connection

    async def close(self) -> None:
        """Close the store's connection; a later call opens it again."""
        await self._connection.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = _method(name)
        if not iscoroutinefunction(method):
            return method  # create_schema, prepare_index_params: they need no connection

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._connection.call_method(name, *args, **kwargs)

        return call


class StoreClient:
    """The same from code without an event loop: each method blocks until it is done."""

    def __init__(self, connection: MilvusConnection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close the store's connection; a later call opens it again."""
        self._connection.run_blocking(self._connection.close())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = _method(name)
        if not iscoroutinefunction(method):
            return method

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await self._connection.call_method(name, *args, **kwargs)

        return lambda *args, **kwargs: self._connection.run_blocking(awaited(*args, **kwargs))


def _method(name: str) -> Callable[..., Any]:
    method = None if name.startswith("_") else getattr(AsyncMilvusClient, name, None)
    if method is None:
        raise AttributeError(
            f"AsyncMilvusClient has no {name!r}; `store.connection` is the connection itself"
        )
    return method  # type: ignore[no-any-return]
