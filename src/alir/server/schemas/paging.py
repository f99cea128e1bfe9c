"""Long lists, a page at a time, newest first."""

import re
from typing import Annotated

from pydantic import Field

from alir.server.schemas.requests import RequestModel, invalid_request

MOST = 100
"""Of a page."""
_CURSOR = re.compile(r"([0-9]{1,19})-(.{1,200})", re.DOTALL)


class PageQuery(RequestModel):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 20
    """The most to answer with."""
    after: Annotated[str, Field(max_length=256)] = ""
    """What the page before gave as its `next`."""

    @property
    def cursor(self) -> tuple[int, str] | None:
        """The time and the name of the last of the page before; None for the first page.

        Raises:
            Refused: no page gave this.
        """
        if not self.after:
            return None
        found = _CURSOR.fullmatch(self.after)
        if found is None or int(found[1]) >= 2**63:
            raise invalid_request("after", "No page gave this as its next", what="Query")
        return int(found[1]), found[2]


def cursor_of(time: int, name: str) -> str:
    """Return what the next page is asked for with, if this is the last of its own."""
    return f"{time}-{name}"
