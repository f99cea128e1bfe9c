"""The conversations with the agent: each tenant lists, reads and deletes its own."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app.application import Alir
from alir.models.records import SessionRecord, Turn
from alir.server.auth.caller import Tenant, caller
from alir.server.bodies import read_query
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel
from alir.server.schemas.paging import PageQuery, cursor_of
from alir.server.schemas.times import iso


class SessionObject(ApiModel):
    """A conversation."""

    name: str
    questions: int
    begun: str
    """In ISO 8601, as the next."""
    last: str
    """When its last question was answered."""


class SessionsPage(ApiModel):
    """Conversations, the last used first."""

    sessions: list[SessionObject]
    next: str | None
    """What the next page is asked for with, as `after`; null if this is the last one."""


class TurnObject(ApiModel):
    """A question, as it was understood, and its answer."""

    question: str
    answer: str
    answered: str
    """In ISO 8601."""


class SessionPage(ApiModel):
    """What was said in a conversation, the last first."""

    name: str
    turns: list[TurnObject]
    next: str | None
    """What the page before these is asked for with, as `after`; null if there is none."""


class DeletedSession(ApiModel):
    """A conversation that is forgotten."""

    name: str


class SessionRoutes:
    """Tells of the conversations of one `Alir`, and forgets them."""

    def __init__(self, app: Alir) -> None:
        self._app = app

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        one = "/v1/sessions/{name}"
        return [
            Endpoint(
                "GET",
                "/v1/sessions",
                self.list,
                "read",
                "List the conversations",
                SessionsPage,
                query=PageQuery,
            ),
            Endpoint(
                "GET",
                one,
                self.look,
                "read",
                "What was said in a conversation",
                SessionPage,
                query=PageQuery,
            ),
            Endpoint("DELETE", one, self.delete, "write", "Forget a conversation", DeletedSession),
        ]

    async def list(self, request: Request) -> Response:
        """Answer with the conversations of the caller's tenant alone; so the house with its own."""
        query = read_query(request, PageQuery)
        found = await self._app.sessions.list_sessions(
            caller(request).tenant.name, limit=query.limit + 1, after=query.cursor
        )
        shown = found[: query.limit]
        last = shown[-1] if len(found) > len(shown) else None
        page = SessionsPage(
            sessions=[_told(one) for one in shown],
            next=None if last is None else cursor_of(last.last_ns, last.name),
        )
        return JSONResponse(page.model_dump())

    async def look(self, request: Request) -> Response:
        """Answer with the questions and answers of a conversation."""
        query = read_query(request, PageQuery)
        before_ns = None if query.cursor is None else query.cursor[0]
        name = request.path_params["name"]
        found = await self._app.sessions.list_turns(
            kept_as(caller(request).tenant, name), limit=query.limit + 1, before_ns=before_ns
        )
        if not found and before_ns is None:
            raise _unknown()
        shown = found[: query.limit]
        last = shown[-1] if len(found) > len(shown) else None
        page = SessionPage(
            name=name,
            turns=[_turn(one) for one in shown],
            next=None if last is None else cursor_of(last.asked_ns, name),
        )
        return JSONResponse(page.model_dump())

    async def delete(self, request: Request) -> Response:
        """Forget all that was said in a conversation; a question under way begins it anew."""
        name = request.path_params["name"]
        if not await self._app.sessions.delete_session(kept_as(caller(request).tenant, name)):
            raise _unknown()
        return JSONResponse(DeletedSession(name=name).model_dump())


def kept_as(tenant: Tenant, name: str) -> str:
    """Return the name under which a tenant's conversation is kept.

    No name of a conversation has a slash: nobody names one of another tenant's.
    """
    return f"{tenant.name}/{name}" if tenant.name else name


def _told(one: SessionRecord) -> SessionObject:
    return SessionObject(
        name=one.name,
        questions=one.questions,
        begun=iso(one.begun_ns / 1e9),
        last=iso(one.last_ns / 1e9),
    )


def _turn(one: Turn) -> TurnObject:
    return TurnObject(question=one.question, answer=one.answer, answered=iso(one.asked_ns / 1e9))


def _unknown() -> Exception:
    return refusal(404, "Not Found", "There is no such conversation.")
