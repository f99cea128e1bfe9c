"""What is done below pymilvus's client."""

from typing import Any

import pytest
from pymilvus.client.types import IndexState

from alir.milvus.client import wire


class Telling:
    """Tells one state of an index after another."""

    def __init__(self, *states: IndexState) -> None:
        self.states = [*states]
        self.asked: list[dict[str, Any]] = []

    async def alloc_timestamp(self) -> int:
        return 7

    async def get_index_state(self, **asked: Any) -> tuple[IndexState, str]:
        self.asked.append(asked)
        return self.states.pop(0), "why"


@pytest.mark.parametrize(
    ("last", "made"), [(IndexState.Finished, True), (IndexState.Failed, False)]
)
async def test_an_index_is_waited_for_until_it_is_made_or_has_failed(
    last: IndexState, made: bool
) -> None:
    handler = Telling(IndexState.IndexStateNone, IndexState.InProgress, last, IndexState.Unissued)

    assert await wire.index_made(handler, collection_name="a") == (made, "why")

    assert handler.asked == 3 * [{"collection_name": "a", "timestamp": 7}]
