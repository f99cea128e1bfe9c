"""The connection to one Milvus, from any thread or event loop, with a timeout on every call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeVar

import grpc
from pymilvus import AsyncMilvusClient
from pymilvus.exceptions import ConnectionConfigException, MilvusException

from alir.concurrency.per_loop import PerLoop
from alir.concurrency.per_process import keep_for_ever
from alir.errors import (
    AlirError,
    ForkedInUse,
    InvalidSetting,
    MilvusFailed,
    MilvusUnavailable,
)
from alir.milvus.client import lite, wire
from alir.milvus.client.client_loop import CLIENT_LOOP, parent_in_use
from alir.milvus.client.errors import sentence_of, translate_error
from alir.milvus.client.retries import Retrier, always
from alir.models.secret_url import SecretUrl

T = TypeVar("T")

# Every failed call is logged with its full traceback by pymilvus, and raised as well.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
# After an outage gRPC waits 4 to 7 s before it tries again; this makes it 0.1 to 1 s.
RESTING_STEP_S = 0.002
_in_a_call: ContextVar[bool] = ContextVar("_in_a_call", default=False)
BACKOFF = {"grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 1000}


class NamedCollection(Protocol):
    """A collection by the name that it has at the moment."""

    name: str

    async def find_again(self) -> bool:
        """Return, after a call that failed, whether it may succeed now, maybe by another name."""
        ...


class MilvusConnection:
    """A lazily connected Milvus client; the constructor does no I/O.

    Args:
        uri: a Milvus Lite file (ends in .db) or a server's address.
        token: `user:password` or an API key; empty for none.
        timeout_s: longest wait for one answer.
        outage_s: longest wait for Milvus to come back, of calls that wait for it; 0 is never.
        options: what else `AsyncMilvusClient` takes.
    """

    def __init__(
        self,
        uri: str | SecretUrl,
        token: str = "",
        *,
        timeout_s: float = 10.0,
        outage_s: float = 0.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._address = SecretUrl.of(uri)
        self.uri = str(self._address)
        """Without credentials."""
        self.timeout_s = timeout_s
        self._options = dict(options or {})
        self._token = token
        self._client: AsyncMilvusClient | None = None
        self._lite_path: str | None = None
        self._connecting = PerLoop(asyncio.Lock)
        self._is_connected = False
        self._calls = 0
        self._lite_may_be_dead = False
        self._retries = Retrier(outage_s=outage_s)
        self.outages = self._retries.outages
        """The times when calls wait for Milvus to come back."""
        self.failures = self._retries.failures
        """Calls that failed, each attempt, by the name of the error."""
        self.is_lite = "://" not in self._address.get_secret_value()
        """Whether this is a Milvus Lite file, not a server."""
        self.lite_starts = 1
        """How often Milvus Lite's process was started; a new one has no collection loaded."""

    async def call_method(self, operation: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call the `AsyncMilvusClient` method named `operation`, from any event loop.

        Any method will do: the call is not made again once it may have reached Milvus.

        Raises:
            ConfigError: the credentials or the address are wrong, or the file is in use.
            DependencyError: nothing answers, not in time, or with an error.
        """
        sent = False

        async def call(client: AsyncMilvusClient) -> Any:
            nonlocal sent
            await wire.reached(client)
            sent = True
            return await self._method(client, operation)(*args, **kwargs)

        return await self.begin(operation, call, repeatable=lambda: not sent)

    def begin(
        self,
        operation: str,
        work: Callable[[AsyncMilvusClient], Awaitable[T]],
        *,
        waits: bool = False,
        repeatable: Callable[[], bool] = always,
    ) -> Awaitable[T]:
        """Begin `work` with the client, on its loop; `operation` names it in errors.

        Args:
            waits, repeatable: as in `Retrier.repeat`.

        Raises:
            ConfigError, DependencyError: as `call_method` does.
        """
        attempt = partial(self._perform, operation, work)
        return self.begin_attempts(attempt, waits=waits, repeatable=repeatable)

    def begin_attempts(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        waits: bool = False,
        repeatable: Callable[[], bool] = always,
    ) -> Awaitable[T]:
        """Begin several calls that are made again together, as `begin` does.

        `attempt` makes them with `call_once` and `call_on`.
        """
        return self.on_client_loop(self._attempted(attempt, waits, repeatable))

    async def _attempted(
        self, attempt: Callable[[], Awaitable[T]], waits: bool, repeatable: Callable[[], bool]
    ) -> T:
        try:
            result = await attempt()
        except AlirError as error:
            return await self._retries.repeat(attempt, error, waits=waits, repeatable=repeatable)
        self._retries.has_answered = True
        return result

    async def call_once(self, operation: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call as `call_method` does, and never again."""

        def work(client: AsyncMilvusClient) -> Awaitable[Any]:
            return self._method(client, operation)(*args, **kwargs)

        return await self.on_client_loop(self._perform(operation, work))

    async def call_on(
        self,
        collection: NamedCollection,
        operation: str,
        method: Callable[..., Awaitable[Any]] | None = None,
        /,
        **kwargs: Any,
    ) -> Any:
        """Call the client's method on a collection, or `method(client, name)`, on its loop.

        The call is made once more if the collection was renamed or dropped meanwhile.
        """

        def work(client: AsyncMilvusClient) -> Awaitable[Any]:
            call = partial(method, client) if method else self._method(client, operation)
            return call(collection.name, **kwargs)

        try:
            return await self._perform(operation, work)
        except MilvusFailed:
            if not await collection.find_again():
                raise
            return await self._perform(operation, work)

    def on_client_loop(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Begin `work` now, on the loop that owns the client; return its result to await."""
        clients = CLIENT_LOOP.in_this_process()
        if asyncio.get_running_loop() is clients.get():
            return work
        return asyncio.wrap_future(clients.begin(work))

    def run_blocking(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the client's loop and block until it is done (never on that loop)."""
        loop = CLIENT_LOOP.in_this_process().get()
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def close(self) -> None:
        """Close the client; a later call connects again."""
        await self.on_client_loop(self._close())

    async def rest(self) -> None:
        """Close the client once no call is under way; the next call opens it again."""
        while self._calls:  # noqa: ASYNC110  forks are rare; an event would cost every call
            await asyncio.sleep(RESTING_STEP_S)
        await self._disconnect()

    def abandon(self) -> None:
        """Keep what this forked child has of its parent's client for ever."""
        keep_for_ever(self._client)
        self._client, self._lite_path = None, None

    async def stop_waiting(self) -> None:
        """Stop all calls from waiting for Milvus to come back, until this is closed."""
        await self.on_client_loop(self._stop_waiting())

    async def _stop_waiting(self) -> None:
        self._retries.stop_waiting()

    def _method(self, client: AsyncMilvusClient, operation: str) -> Callable[..., Awaitable[Any]]:
        # A server that is too busy says so, and pymilvus would ask it again: `retries.py` does.
        method = getattr(client, operation)
        return partial(method, timeout=self.timeout_s, retry_on_rate_limit=False)

    async def _perform(
        self, operation: str, work: Callable[[AsyncMilvusClient], Awaitable[T]]
    ) -> T:
        if parent := parent_in_use():
            raise ForkedInUse(parent)
        clients = CLIENT_LOOP.in_this_process()
        # What a call calls in turn goes on: a fork waits for the whole of it.
        while clients.is_resting and not _in_a_call.get():  # noqa: ASYNC110  as in `rest`
            await asyncio.sleep(RESTING_STEP_S)
        in_a_call = _in_a_call.set(True)
        self._calls += 1
        clients.open.add(self)
        try:
            # pymilvus has deadlines of its own; this one also bounds its retries and connecting.
            async with asyncio.timeout(self.timeout_s):
                return await work(await self._connected())
        except AlirError:
            raise
        except (MilvusException, grpc.RpcError, TimeoutError) as error:
            translated = translate_error(
                error, operation, address=self._address, timeout_s=self.timeout_s
            )
            if self.is_lite and isinstance(translated, MilvusUnavailable):
                self._lite_may_be_dead = True
            raise translated from error
        finally:
            self._calls -= 1
            _in_a_call.reset(in_a_call)

    async def _connected(self) -> AsyncMilvusClient:
        async with self._connecting.on_this_loop():
            if self._lite_may_be_dead and self._lite_path is not None:
                self.lite_starts += await asyncio.to_thread(lite.revive, self._lite_path)
                self._lite_may_be_dead = False
            if self._client is None:
                self._client = await asyncio.to_thread(self._new_client)
                self._is_connected = False
            if not self._is_connected:
                await wire.connect(self._client)
                self._is_connected = True
            return self._client

    def _new_client(self) -> AsyncMilvusClient:
        if self.is_lite and self._lite_path is None:
            self._lite_path = lite.acquire(self.uri)
        try:
            return AsyncMilvusClient(
                uri=self._lite_path or self._address.get_secret_value(),
                token=self._token,
                timeout=self.timeout_s,
                dedicated=True,
                grpc_options={
                    **BACKOFF,
                    # Our own timeout bounds how long connecting takes, and reports it.
                    "grpc.min_reconnect_backoff_ms": int(1000 * self.timeout_s) + 1000,
                    # Lite hangs up on a client that pings it while idle, as pymilvus makes it do.
                    "grpc.keepalive_permit_without_calls": 0 if self.is_lite else 1,
                    "grpc.enable_retries": 0,  # `retries.py` alone makes calls again
                    **self._options.get("grpc_options", {}),
                },
                **{name: self._options[name] for name in self._options if name != "grpc_options"},
            )
        except (ConnectionConfigException, ValueError) as error:
            raise InvalidSetting(
                "ALIR_MILVUS_URI",
                f"{self.uri!r} is not usable: {self._address.redact(sentence_of(error))}",
                "Correct it.",
            ) from error

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._client is None and not self._calls:
            CLIENT_LOOP.in_this_process().open.discard(self)
        # A forked child may find that its parent, which started it, has ended it.
        self._lite_may_be_dead = True

    async def _close(self) -> None:
        await self._disconnect()
        path, self._lite_path = self._lite_path, None
        if path is not None:
            await asyncio.to_thread(lite.release, path)
        self._retries.wait_again()
