"""How large a JSON text is, found without parsing it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.server.schemas import json_size
from alir.server.schemas.json_size import is_larger

TEXT = st.text('a",:[]{}\\\n\u00e9')
VALUES = st.recursive(
    TEXT | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


def size(value: Any) -> int:
    """Count strings, commas, colons and opening brackets of a value's JSON."""
    if isinstance(value, dict):
        inner = [2 + size(one) for one in value.values()]
    elif isinstance(value, list):
        inner = [*map(size, value)]
    else:
        return int(isinstance(value, str))
    return 1 + sum(inner) + max(0, len(inner) - 1)


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 256 * 1024])
@given(value=VALUES)
def test_strings_and_marks_outside_of_strings_are_counted(piece_bytes: int, value: Any) -> None:
    content = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_size, "PIECE_BYTES", piece_bytes)
        assert not is_larger(content, size(value))
        assert is_larger(content, size(value) - 1)
