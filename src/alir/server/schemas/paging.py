"""Pages of long lists, newest first."""

import re
from typing import Annotated

from pydantic import Field

from alir.server.schemas.requests import RequestModel, invalid_request

MAX_PAGE = 100
"""Items on one page."""
_CURSOR = re.compile(r"([0-9]{1,19})-(.{1,200})", re.DOTALL)


class PageQuery(RequestModel):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 20
    """The most items to return."""
    after: Annotated[str, Field(max_length=256)] = ""
    """The `next` of the previous page."""

    @property
    def cursor(self) -> tuple[int, str] | None:
        """The time and name of the previous page's last item; None for the first page.

        Raises:
            ProblemException: No page has this as its `next`.
        """
        if not self.after:
            return None
        found = _CURSOR.fullmatch(self.after)
        if found is None or int(found[1]) >= 2**63:
            raise invalid_request("after", "No page gave this as its next", what="Query")
        return int(found[1]), found[2]


def cursor_of(time: int, name: str) -> str:
    """Return the cursor of the page after an item."""
    return f"{time}-{name}"
