"""The conversations with the agent; each tenant lists, reads and deletes its own."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app.application import Alir
from alir.models.records import SessionRecord, Turn
from alir.server.auth.caller import Tenant, caller
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel, iso
from alir.server.schemas.paging import PageQuery, cursor_of
from alir.server.schemas.requests import read_query


class SessionSummary(ApiModel):
    """A conversation."""

    name: str
    questions: int
    begun: str
    """In ISO 8601, like `last`."""
    last: str
    """When its last question was answered."""


class SessionListResponse(ApiModel):
    """Conversations, the last used first."""

    sessions: list[SessionSummary]
    next: str | None
    """The `after` of the next page; null on the last page."""


class SessionTurn(ApiModel):
    """A question as it was understood, and its answer."""

    question: str
    answer: str
    answered: str
    """In ISO 8601."""


class SessionResponse(ApiModel):
    """The questions and answers of a conversation, newest first."""

    name: str
    turns: list[SessionTurn]
    next: str | None
    """The `after` of the next page, which is older; null on the last page."""


class SessionDeleteResponse(ApiModel):
    """A deleted conversation."""

    name: str


class SessionRoutes:
    """The endpoints of conversations."""

    def __init__(self, app: Alir) -> None:
        self._app = app

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        one = "/v1/sessions/{name}"
        return [
            Endpoint(
                "GET",
                "/v1/sessions",
                self.list_sessions,
                "read",
                "List the conversations",
                SessionListResponse,
                query=PageQuery,
            ),
            Endpoint(
                "GET",
                one,
                self.get_session,
                "read",
                "The questions and answers of a conversation",
                SessionResponse,
                query=PageQuery,
            ),
            Endpoint(
                "DELETE",
                one,
                self.delete_session,
                "write",
                "Forget a conversation",
                SessionDeleteResponse,
            ),
        ]

    async def list_sessions(self, request: Request) -> Response:
        """Return the conversations of the caller's tenant; an admin key sees those of no tenant."""
        query = read_query(request, PageQuery)
        found = await self._app.sessions.list_sessions(
            caller(request).tenant.name, limit=query.limit + 1, after=query.cursor
        )
        shown = found[: query.limit]
        last = shown[-1] if len(found) > len(shown) else None
        page = SessionListResponse(
            sessions=[_summary(one) for one in shown],
            next=None if last is None else cursor_of(last.last_ns, last.name),
        )
        return JSONResponse(page.model_dump())

    async def get_session(self, request: Request) -> Response:
        """Return the questions and answers of a conversation."""
        query = read_query(request, PageQuery)
        before_ns = None if query.cursor is None else query.cursor[0]
        name = request.path_params["name"]
        found = await self._app.sessions.list_turns(
            session_key(caller(request).tenant, name), limit=query.limit + 1, before_ns=before_ns
        )
        if not found and before_ns is None:
            raise _unknown()
        shown = found[: query.limit]
        last = shown[-1] if len(found) > len(shown) else None
        page = SessionResponse(
            name=name,
            turns=[_turn(one) for one in shown],
            next=None if last is None else cursor_of(last.asked_ns, name),
        )
        return JSONResponse(page.model_dump())

    async def delete_session(self, request: Request) -> Response:
        """Delete a conversation; a question that is being answered starts it anew."""
        name = request.path_params["name"]
        if not await self._app.sessions.delete_session(session_key(caller(request).tenant, name)):
            raise _unknown()
        return JSONResponse(SessionDeleteResponse(name=name).model_dump())


def session_key(tenant: Tenant, name: str) -> str:
    """Return the key under which a tenant's conversation is stored.

    A conversation's name has no slash, so no caller can name one of another tenant.
    """
    return f"{tenant.name}/{name}" if tenant.name else name


def _summary(one: SessionRecord) -> SessionSummary:
    return SessionSummary(
        name=one.name,
        questions=one.questions,
        begun=iso(one.begun_ns / 1e9),
        last=iso(one.last_ns / 1e9),
    )


def _turn(one: Turn) -> SessionTurn:
    return SessionTurn(question=one.question, answer=one.answer, answered=iso(one.asked_ns / 1e9))


def _unknown() -> Exception:
    return refusal(404, "Not Found", "There is no such conversation.")
