"""Feedback: ratings of answers, for the operator to learn from."""

from typing import Annotated

from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.models.kept_answers import KeptAnswer, RatedAnswer, Rating
from alir.server.auth.caller import caller
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.base import ApiModel, iso
from alir.server.schemas.paging import PageQuery, cursor_of
from alir.server.schemas.requests import RequestModel, read_body, read_query
from alir.storage.answers import AnswerStore

MAX_COMMENT_CHARS = 2_000


class FeedbackRequest(RequestModel):
    """A rating of an answer."""

    rating: Rating
    comment: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=MAX_COMMENT_CHARS)
    ] = ""


class FeedbackResponse(ApiModel):
    """The rating that is kept."""

    id: str
    """The answer's."""
    rating: Rating
    comment: str


class RatedAnswerResponse(FeedbackResponse):
    """An answer that was rated, and the question to it."""

    tenant: str
    """Empty for a key without a tenant."""
    rated: str
    """When, in ISO 8601."""
    answered: str
    """When, in ISO 8601."""
    answer: KeptAnswer


class FeedbackPageResponse(ApiModel):
    """Answers that were rated, the last rated first."""

    feedback: list[RatedAnswerResponse]
    next: str | None
    """What the next page is asked for with, as `after`; null if this is the last one."""


class FeedbackRoutes:
    """Keeps feedback, and shows it to the operator."""

    def __init__(self, answers: AnswerStore) -> None:
        self._answers = answers

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "POST",
                "/v1/answers/{id}/feedback",
                self.rate,
                "read",
                "Rate an answer",
                FeedbackResponse,
                body=FeedbackRequest,
            ),
            Endpoint(
                "GET",
                "/v1/feedback",
                self.list,
                "admin",
                "The answers that were rated",
                FeedbackPageResponse,
                query=PageQuery,
            ),
            Endpoint(
                "DELETE",
                "/v1/feedback/{id}",
                self.delete,
                "admin",
                "Delete an answer that was rated",
                RatedAnswerResponse,
            ),
        ]

    async def rate(self, request: Request) -> Response:
        """Rate an answer of the caller's tenant; an earlier rating is replaced.

        The question and the answer are kept with it.
        """
        body = await read_body(request, FeedbackRequest)
        id_, tenant = request.path_params["id"], caller(request).tenant.name
        if not await self._answers.rate(tenant, id_, body.rating, body.comment):
            raise _unknown()
        taken = FeedbackResponse(id=id_, rating=body.rating, comment=body.comment)
        return JSONResponse(taken.model_dump())

    async def list(self, request: Request) -> Response:
        """Answer with the ratings of the caller's tenant; without one, of all tenants."""
        query = read_query(request, PageQuery)
        found = await self._answers.rated_answers(
            caller(request).tenant.name or None, limit=query.limit + 1, after=query.cursor
        )
        shown = found[: query.limit]
        last = shown[-1] if len(found) > len(shown) else None
        page = FeedbackPageResponse(
            feedback=[_response(one) for one in shown],
            next=None if last is None else cursor_of(last.rated_ms, last.given.id),
        )
        return JSONResponse(page.model_dump())

    async def delete(self, request: Request) -> Response:
        """Delete a rating with its question and answer; answer with what is gone."""
        tenant = caller(request).tenant.name or None
        gone = await self._answers.delete_rated(tenant, request.path_params["id"])
        if gone is None:
            raise _unknown()
        return JSONResponse(_response(gone).model_dump())


def _response(one: RatedAnswer) -> RatedAnswerResponse:
    return RatedAnswerResponse(
        id=one.given.id,
        rating=one.rating,
        comment=one.comment,
        tenant=one.given.tenant,
        rated=iso(one.rated_ms / 1000),
        answered=iso(one.given.at_ms / 1000),
        answer=one.given.answer,
    )


def _unknown() -> Exception:
    return refusal(404, "Not Found", "There is no such answer, or it is not kept any more.")
