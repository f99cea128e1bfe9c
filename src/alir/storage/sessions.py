"""Conversations that survive a restart: LlamaIndex's `Memory` over a SQLite file."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.memory import Memory
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from sqlalchemy import NullPool, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from alir.concurrency.per_loop import PerLoop
from alir.errors import SessionsFailed
from alir.models.records import SessionRecord, Turn
from alir.storage.private_files import make_private_file, make_private_folder

TABLE = "messages"
_TURNS = (
    f"SELECT timestamp, role, data FROM {TABLE} WHERE key = :key AND (:before IS NULL OR id < "  # noqa: S608
    f"(SELECT min(id) FROM {TABLE} WHERE key = :key AND timestamp = :before)) "
    "ORDER BY id DESC LIMIT :limit"
)
# A stretch of keys, and no pattern: no letter of a name means another one.
_ALL = (
    "SELECT key, sum(role = 'user') AS questions, min(timestamp) AS begun, max(timestamp) AS last "  # noqa: S608
    f"FROM {TABLE} WHERE key >= :begin AND key < :end AND instr(substr(key, :length), '/') = 0 "
    "GROUP BY key HAVING :after IS NULL OR (max(timestamp), key) < (:after, :name) "
    "ORDER BY last DESC, key DESC LIMIT :limit"
)


class SqliteSessions:
    """The conversations about a collection; the file is opened at first use."""

    def __init__(self, path: Path, collection: str) -> None:
        self.path = path.expanduser().absolute()
        self._collection = collection
        self._files = PerLoop(lambda: _File(self.path))

    async def asked_questions(self, session: str) -> list[str]:
        """Return the questions of `session`, each as it was understood, oldest first.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        async with self._opened(session) as memory:
            messages = await memory.aget()
        return [one.content or "" for one in messages if one.role == MessageRole.USER]

    async def add_turn(self, session: str, question: str, answer: str) -> None:
        """Add a question and its answer to `session`.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        asked = ChatMessage(role=MessageRole.USER, content=question)
        answered = ChatMessage(role=MessageRole.ASSISTANT, content=answer)
        async with self._opened(session) as memory:
            await memory.aput_messages([asked, answered])

    async def list_sessions(
        self, folder: str, *, limit: int, after: tuple[int, str] | None = None
    ) -> list[SessionRecord]:
        """Return the sessions with names `folder/NAME`, the last used first.

        An empty folder means names without a slash. The names are returned without the folder.

        Args:
            after: the last use and the name of the last session of the page before.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        begin = f"{self._collection}:{folder}/" if folder else f"{self._collection}:"
        when, name = after or (None, "")
        values = {
            "begin": begin,
            "end": begin[:-1] + chr(ord(begin[-1]) + 1),
            "length": len(begin) + 1,
            "after": when,
            "name": begin + name,
            "limit": limit,
        }
        rows = await self._rows(_ALL, values)
        return [
            SessionRecord(key.removeprefix(begin), questions, begun, last)
            for key, questions, begun, last in rows
        ]

    async def list_turns(
        self, session: str, *, limit: int, before_ns: int | None = None
    ) -> list[Turn]:
        """Return the questions and answers of `session`, the last first.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        values = {"key": self._key(session), "before": before_ns, "limit": 2 * limit}
        turns: list[Turn] = []
        answer = ""
        # A question and its answer were written together.
        for written_ns, role, data in await self._rows(_TURNS, values):
            content = ChatMessage.model_validate_json(data).content or ""
            if role == MessageRole.USER:
                turns.append(Turn(content, answer, written_ns))
                answer = ""
            else:
                answer = content
        return turns

    async def delete_session(self, session: str) -> bool:
        """Delete `session`; return False if there was none.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        async with self._opened(session):
            async with self._files.on_this_loop().engine.begin() as connection:
                query = text(f"DELETE FROM {TABLE} WHERE key = :key")  # noqa: S608
                gone = await connection.execute(query, {"key": self._key(session)})
            return bool(gone.rowcount)

    async def _rows(self, query: str, values: dict[str, Any]) -> Sequence[Any]:
        engine = self._files.on_this_loop().engine
        async with self._opened(""), engine.connect() as connection:
            return (await connection.execute(text(query), values)).fetchall()

    def _key(self, session: str) -> str:
        return f"{self._collection}:{session}"

    @asynccontextmanager
    async def _opened(self, session: str) -> AsyncIterator[Memory]:
        key, file = self._key(session), self._files.on_this_loop()
        try:
            await file.open(key)
            # Its tokens only bound what is kept: a word is one, and no tokenizer is loaded.
            yield Memory.from_defaults(
                session_id=key, chat_store=file.store, tokenizer_fn=str.split
            )
        except (OSError, SQLAlchemyError) as error:
            file.is_open = False  # its table may be gone, and is made at the next use
            raise SessionsFailed(str(self.path), str(error).partition("\n")[0]) from error


class _File:
    """The file, as one event loop has it: SQLAlchemy's locks belong to a loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # A connection belongs to an event loop, which may end at any time: none is kept.
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{path}", poolclass=NullPool)
        self.store = SQLAlchemyChatStore(TABLE, async_engine=self.engine)
        self.is_open = False
        self._opening = asyncio.Lock()

    async def open(self, key: str) -> None:
        """Make the file and its table where they are missing."""
        async with self._opening:
            if not (self.is_open and self.path.exists()):
                make_private_folder(self.path.parent)
                make_private_file(self.path)
                try:
                    await self._make_table(key)
                except OperationalError:  # another loop or process has just made it
                    await self._make_table(key)
                self.is_open = True

    async def _make_table(self, key: str) -> None:
        self.store = SQLAlchemyChatStore(TABLE, async_engine=self.engine)
        await self.store.count_messages(key)
