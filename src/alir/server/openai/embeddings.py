"""The vectors of texts, in OpenAI's protocol."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from alir.app.application import Alir
from alir.server.openai.requests import EmbeddingsRequest
from alir.server.openai.schemas import (
    EMBEDDING_MODEL,
    EmbeddingsResponse,
    EmbeddingVector,
    Usage,
    encoded,
)
from alir.server.openai.tokens import text_of
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.requests import invalid_request, read_body
from alir.steps.agent.budget_tracker import count_tokens

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Of texts of so many tokens as may be, in any writing."""
MAX_INPUT_TOKENS = 8192
"""Of a text, as OpenAI's; the model reads as many of them as its window holds."""
MAX_ALL_TOKENS = 300_000
"""Of the texts of a request, as OpenAI's."""
TEXTS_A_CALL = 64
MAX_JSON_SIZE = MAX_ALL_TOKENS + 10_000
"""Of a request of so many tokens, as `json_size` counts."""


class EmbeddingRoutes:
    """Embeds with the embedding of one `Alir`."""

    def __init__(self, app: Alir) -> None:
        self._app = app

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [
            Endpoint(
                "POST",
                "/v1/embeddings",
                self.embed,
                "read",
                "The vectors of texts, in OpenAI's protocol",
                EmbeddingsResponse,
                body=EmbeddingsRequest,
                max_body_bytes=MAX_BODY_BYTES,
                problems=(404, 502, 503, 504),
                is_question=True,
            ),
        ]

    async def embed(self, request: Request) -> Response:
        """Answer with the vectors that the index's model makes of texts.

        It reads as much of each as its window holds. Tokens, which some clients send, are those
        of cl100k_base, the encoding of OpenAI's embedding models.
        """
        body = await read_body(request, EmbeddingsRequest, max_json_size=MAX_JSON_SIZE)
        if body.model not in {EMBEDDING_MODEL, self._app.model_name}:
            raise refusal(404, "Model Not Found", f"Ask for the model {EMBEDDING_MODEL}.")
        texts, tokens = await asyncio.to_thread(_read, body)
        vectors = await self._vectors(texts)
        if body.dimensions not in {None, len(vectors[0])}:
            detail = f"Vectors of this model have {len(vectors[0])} dimensions"
            raise invalid_request("/dimensions", detail)
        content = await asyncio.to_thread(_response, body, vectors, tokens)
        return Response(content, media_type="application/json")

    async def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts in parts: LlamaIndex checks the numbers of each call on the event loop."""
        parts = [texts[at : at + TEXTS_A_CALL] for at in range(0, len(texts), TEXTS_A_CALL)]
        embed = self._app.embedding.aget_text_embedding_batch
        found = await asyncio.gather(*(embed([*part]) for part in parts))
        return [vector for part in found for vector in part]


def _read(body: EmbeddingsRequest) -> tuple[list[str], int]:
    """Return the texts of a request, and their tokens in all.

    Raises:
        ProblemException: A text is empty or too long, or its tokens are of another encoding.
    """
    texts: list[str] = []
    total = 0
    for index, given in enumerate(body.inputs):
        at = f"/input/{index}" if isinstance(body.input, list) else "/input"
        text = given if isinstance(given, str) else _decoded(given, at)
        if not text.strip():
            raise invalid_request(at, "The text is empty")
        count = count_tokens([text]) if isinstance(given, str) else len(given)
        if count > MAX_INPUT_TOKENS:
            problem = f"The text has {count} tokens; {MAX_INPUT_TOKENS} are the most"
            raise invalid_request(at, problem)
        texts.append(text)
        total += count
        if total > MAX_ALL_TOKENS:
            problem = f"The texts have more than {MAX_ALL_TOKENS} tokens in all; send fewer"
            raise invalid_request("/input", problem)
    return texts, total


def _decoded(tokens: Sequence[int], at: str) -> str:
    try:
        return text_of(tokens)
    except ValueError as error:
        problem = (
            f"{error}, in which this service takes tokens. Send text instead; with LangChain's "
            "OpenAIEmbeddings set check_embedding_ctx_length=False"
        )
        raise invalid_request(at, problem) from error


def _response(body: EmbeddingsRequest, vectors: Sequence[Any], tokens: int) -> bytes:
    """Return the JSON of an `EmbeddingsResponse`, made a vector at a time.

    Half a million numbers in one go would keep Python's lock for too long.
    """
    is_base64 = body.encoding_format == "base64"
    data = [
        orjson.Fragment(
            EmbeddingVector(
                index=index,
                embedding=encoded(vector) if is_base64 else [float(one) for one in vector],
            ).model_dump_json()
        )
        for index, vector in enumerate(vectors)
    ]
    usage = Usage(prompt_tokens=tokens, total_tokens=tokens)
    response = EmbeddingsResponse(data=[], model=body.model, usage=usage, ignored=body.ignored)
    return orjson.dumps(response.model_dump(exclude_none=True) | {"data": data})
