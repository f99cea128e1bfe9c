"""The vectors of texts, in OpenAI's protocol."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app.application import Alir
from alir.server.openai.requests import EmbeddingsRequest
from alir.server.openai.schemas import (
    EMBEDDING_MODEL,
    EmbeddingsResponse,
    EmbeddingVector,
    Usage,
    encoded,
)
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.requests import read_body
from alir.steps.agent.budget_tracker import count_tokens

MAX_INPUT_TOKENS = 8192
"""Of a text, as OpenAI's; the model reads as many of them as its window holds."""


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
                problems=(404, 502, 503, 504),
                is_question=True,
            ),
        ]

    async def embed(self, request: Request) -> Response:
        """Answer with the vectors that the index's model makes of texts.

        It reads as much of each as its window holds. Tokens instead of texts are refused: they
        are another model's.
        """
        body = await read_body(request, EmbeddingsRequest)
        if body.model not in {EMBEDDING_MODEL, self._app.model_name}:
            raise refusal(404, "Model Not Found", f"Ask for the model {EMBEDDING_MODEL}.")
        if not all(text.strip() for text in body.texts):
            raise refusal(400, "Invalid Body", "A text is empty.")
        counts = await asyncio.to_thread(lambda: [count_tokens([text]) for text in body.texts])
        if max(counts) > MAX_INPUT_TOKENS:
            detail = f"A text has {max(counts)} tokens; {MAX_INPUT_TOKENS} are the most."
            raise refusal(400, "Invalid Body", detail)
        vectors = await self._app.embedding.aget_text_embedding_batch(body.texts)
        if body.dimensions not in {None, len(vectors[0])}:
            detail = f"Vectors of this model have {len(vectors[0])} dimensions."
            raise refusal(400, "Invalid Body", detail)
        is_base64 = body.encoding_format == "base64"
        data = [
            EmbeddingVector(
                index=index,
                embedding=encoded(vector) if is_base64 else [float(one) for one in vector],
            )
            for index, vector in enumerate(vectors)
        ]
        usage = Usage(prompt_tokens=sum(counts), total_tokens=sum(counts))
        response = EmbeddingsResponse(data=data, model=body.model, usage=usage)
        return JSONResponse(response.model_dump(exclude_none=True))
