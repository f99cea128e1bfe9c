"""Answers for errors that are raised on the way to the routes."""

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.errors import AlirError
from alir.server.problems import ProblemException, on_alir_error, on_defect, on_refusal

_log = logging.getLogger(__name__)


class ErrorMiddleware:
    """Answers with what is raised on the way to the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sent(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  the last place where one can still be told
            request = Request(scope)
            if isinstance(error, ProblemException):
                answer = await on_refusal(request, error)
            elif isinstance(error, AlirError):
                answer = await on_alir_error(request, error)
            else:
                _log.exception("A request failed")
                answer = await on_defect(request, error)
            if not has_begun:
                await answer(scope, receive, send)
