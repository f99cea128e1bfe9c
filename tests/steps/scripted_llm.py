"""A language model that replies what a test wrote."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from llama_index.core.llms import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
    MessageRole,
)
from pydantic import Field


class ScriptedLLM(CustomLLM):
    """Says these pieces, one after the other, and raises what is no piece."""

    pieces: list[Any]
    asked: list[list[ChatMessage]] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="scripted")

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        raise NotImplementedError

    def stream_complete(
        self, prompt: str, formatted: bool = False, **_: Any
    ) -> CompletionResponseGen:
        raise NotImplementedError

    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> Any:
        self.asked.append(list(messages))
        return self._reply()

    async def _reply(self) -> AsyncIterator[ChatResponse]:
        said = ""
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            said += piece or ""
            message = ChatMessage(role=MessageRole.ASSISTANT, content=said)
            yield ChatResponse(message=message, delta=piece)
