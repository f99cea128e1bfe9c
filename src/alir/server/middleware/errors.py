"""Answers for errors that are raised on the way to the routes."""

import asyncio
import logging

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.errors import AlirError
from alir.server.problems import RETRY_AFTER_S, STOPPING, ProblemException, handle_error

_AGAIN = {"Retry-After": str(RETRY_AFTER_S)}
_log = logging.getLogger(__name__)


class ErrorMiddleware:
    """Answers with the problem of an error in the middleware inside it."""

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
        except asyncio.CancelledError:
            # Only a stop of the service cancels a request, when ALIR_DRAIN_S has passed.
            if not has_begun:
                await STOPPING.response(Request(scope), _AGAIN)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the last place to answer
            if not isinstance(error, ProblemException | AlirError):
                _log.exception("A request failed")
            response = await handle_error(Request(scope), error)
            if not has_begun:
                await response(scope, receive, send)
