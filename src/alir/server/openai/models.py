"""What can be asked as a model in OpenAI's protocol."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.server.openai.schemas import MODELS, ModelsResponse, OpenAIModel
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint


class ModelRoutes:
    """Tells of the models of a service."""

    def __init__(self) -> None:
        self._models = [OpenAIModel(id=name, created=int(time.time())) for name in MODELS]

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        return [
            Endpoint(
                "GET",
                "/v1/models",
                self.list,
                "read",
                "What can be asked as a model",
                ModelsResponse,
            ),
            Endpoint("GET", "/v1/models/{id}", self.look, "read", "One model", OpenAIModel),
        ]

    async def list(self, _: Request) -> Response:
        """Answer with the models: two that answer questions, and the index's embedding."""
        return JSONResponse(ModelsResponse(data=self._models).model_dump())

    async def look(self, request: Request) -> Response:
        """Answer with one model."""
        wanted = request.path_params["id"]
        for one in self._models:
            if one.id == wanted:
                return JSONResponse(one.model_dump())
        raise refusal(404, "Model Not Found", "There is no such model.")
