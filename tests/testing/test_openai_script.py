import pytest

from alir.testing import CallTools, Cut, Fail, Say
from alir.testing.openai_script import completion_body, completion_chunks, follow

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "two words"}]}


def said(pieces: int | None, text: str = "The quick brown fox.") -> list[str]:
    chunks = completion_chunks(Say(text, pieces=pieces), REQUEST)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk]
    return [delta["content"] for delta in deltas if delta.get("content")]


def test_an_answer_is_streamed_a_word_at_a_time() -> None:
    assert said(None) == ["The ", "quick ", "brown ", "fox."]


@pytest.mark.parametrize("text", ["", " ", "\n a  b \n", "x", "The quick brown fox."])
@pytest.mark.parametrize("pieces", [None, 1, 3, 100])
def test_pieces_join_to_the_text(text: str, pieces: int | None) -> None:
    streamed = said(pieces, text)
    assert "".join(streamed) == text
    assert pieces is None or len(streamed) <= pieces


def test_one_reply_answers_every_request() -> None:
    reply_to = follow(Say("yes"))
    assert [reply_to({}), reply_to({})] == [Say("yes"), Say("yes")]


def test_a_list_of_replies_runs_out_with_an_error_that_clients_do_not_retry() -> None:
    reply_to = follow([Say("one"), Cut("two")])
    replies = [reply_to({}), reply_to({}), reply_to({})]
    assert replies == [Say("one"), Cut("two"), Fail(400, "The script has no reply left.")]


def test_a_function_sees_the_request() -> None:
    reply_to = follow(lambda request: Say(request["model"]))
    assert reply_to(REQUEST) == Say("m")


def test_tokens_are_counted_in_words() -> None:
    usage = completion_body(Say("a b c"), REQUEST)["usage"]
    assert usage == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_a_cut_answer_has_no_finish_reason() -> None:
    chunks = completion_chunks(Cut("half an"), REQUEST)
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk} == {None}


def test_a_call_of_tools_finishes_with_tool_calls() -> None:
    body = completion_body(CallTools([("search", {"query": "x"})]), REQUEST)
    assert body["choices"][0]["finish_reason"] == "tool_calls"
