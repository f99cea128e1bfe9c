"""The text of a reply, cut where the client says."""

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from alir.server.openai.reply_text import ReplyText
from alir.server.openai.tokens import encoding

FinishReason = Literal["stop", "length"]


def passed(pieces: list[str], limit: ReplyText) -> tuple[str, FinishReason]:
    text = "".join([*map(limit.feed, pieces), limit.finish()])
    return text, limit.finish_reason


def test_without_limits_a_text_is_passed_on_as_it_comes() -> None:
    limit = ReplyText()

    assert [limit.feed(piece) for piece in ("Bees", " keep", " honey.")] == [
        "Bees",
        " keep",
        " honey.",
    ]
    assert (limit.finish(), limit.finish_reason) == ("", "stop")


def test_a_text_ends_after_so_many_tokens_and_nothing_comes_after_it() -> None:
    pieces = ["Bees", " keep", " their", " honey", " here", "."]
    tokens = len(encoding().encode("Bees")) + 2

    assert passed(pieces, ReplyText(max_tokens=tokens)) == ("Bees keep their", "length")
    assert passed(pieces, ReplyText(max_tokens=100)) == ("".join(pieces), "stop")


def test_a_character_that_a_limit_cuts_in_two_is_left_out() -> None:
    assert passed(["🐝"], ReplyText(max_tokens=1)) == ("", "length")


@given(
    st.lists(st.text("ab\n"), max_size=8),
    st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=4),
)
def test_a_text_ends_before_the_first_stop_however_it_comes(
    pieces: list[str], stops: list[str]
) -> None:
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]

    assert passed(pieces, ReplyText(stops=stops))[0] == text[: min(ends, default=len(text))]
