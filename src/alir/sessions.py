"""Conversations that survive a restart: LlamaIndex's `Memory` over a SQLite file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.memory import Memory
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from sqlalchemy import NullPool
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from alir.errors import SessionsFailed

TABLE = "messages"


class Sessions:
    """What was asked and answered in each session of a collection; opened at first use."""

    def __init__(self, path: Path, collection: str) -> None:
        self.path = path.expanduser().absolute()
        self._collection = collection
        # A connection belongs to an event loop: none is kept.
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{self.path}", poolclass=NullPool)
        self._store = SQLAlchemyChatStore(TABLE, async_engine=self._engine)
        self._opening = asyncio.Lock()
        self._is_open = False

    async def questions(self, session: str) -> list[str]:
        """Return what was asked in `session`, each as it was understood, oldest first.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        async with self._opened(session) as memory:
            messages = await memory.aget()
        return [one.content or "" for one in messages if one.role == MessageRole.USER]

    async def add(self, session: str, question: str, answer: str) -> None:
        """Keep a question of `session` and its answer.

        Raises:
            SessionsFailed: the file cannot be read or written.
        """
        asked = ChatMessage(role=MessageRole.USER, content=question)
        answered = ChatMessage(role=MessageRole.ASSISTANT, content=answer)
        async with self._opened(session) as memory:
            await memory.aput_messages([asked, answered])

    @asynccontextmanager
    async def _opened(self, session: str) -> AsyncIterator[Memory]:
        key = f"{self._collection}:{session}"
        try:
            async with self._opening:
                if not self._is_open:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    # Two who open it at once would both make the table.
                    await self._store.count_messages(key)
                    self._is_open = True
            # Its tokens only bound what is kept: a word is one, and no tokenizer is loaded.
            yield Memory.from_defaults(
                session_id=key, chat_store=self._store, tokenizer_fn=str.split
            )
        except (OSError, SQLAlchemyError) as error:
            raise SessionsFailed(str(self.path), str(error).partition("\n")[0]) from error
