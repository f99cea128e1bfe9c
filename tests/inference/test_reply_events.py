"""The events of a reply: what the SDK is given of what came."""

import json
from itertools import pairwise

import pytest

from alir.errors import ReplyCut
from alir.inference.reply_events import ReplyEvents, ReplyFault


def choice(**fields: object) -> bytes:
    return json.dumps({"choices": [fields]}).encode()


def content(text: str) -> bytes:
    return choice(delta={"content": text})


def taken(events: ReplyEvents) -> list[dict[str, object]]:
    """The deltas that the SDK is given, without their role."""
    lines = [one.removeprefix(b"data: ") for one in events.take()]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    return [{name: value for name, value in one.items() if name != "role"} for one in deltas]


def test_what_came_at_once_is_one_piece_and_is_forgotten() -> None:
    events = ReplyEvents(100)
    for text in ("One ", "piece", "."):
        events.add(content(text))

    assert taken(events) == [{"content": "One piece."}]
    assert taken(events) == []


def test_a_long_text_comes_in_pieces() -> None:
    events = ReplyEvents(9_999)
    events.add(content("x" * 2_001))
    assert [len(str(one["content"])) for one in taken(events)] == [1_000, 1_000, 1]


@pytest.mark.parametrize("text", ["a 😀 b", "😀", "😀😀", "\U0010ffff"])
def test_a_character_cut_anywhere_is_whole(text: str) -> None:
    units = text.encode("utf-16-le")
    halves = [
        units[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2)
    ]
    for cut in range(len(halves) + 1):
        events, said = ReplyEvents(100), ""
        for start, end in pairwise([0, cut, len(halves)]):
            events.add(content("".join(halves[start:end])))
            said += "".join(str(one["content"]) for one in taken(events))
        assert said == text


def test_half_a_character_is_told_as_lost() -> None:
    events = ReplyEvents(100)
    events.add(content("\ude00 a \ud83d"))
    assert taken(events) == [{"content": "\ufffd a "}]
    events.add(b"[DONE]")
    assert taken(events) == [{"content": "\ufffd"}]
    assert events.has_ended


def test_calls_of_tools_come_one_in_an_event_for_llama_index_reads_one() -> None:
    events = ReplyEvents(100)
    calls = [
        {"index": 0, "id": "a", "function": {"name": "add", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
        {"index": 1, "id": "b", "function": {"name": "sum"}},
    ]
    events.add(choice(delta={"tool_calls": calls}))

    first, second = (one["tool_calls"][0] for one in taken(events))  # type: ignore[index]
    assert (first["index"], first["id"], first["function"]["arguments"]) == (0, "a", '{"x": 1}')
    assert (second["index"], second["function"]) == (1, {"name": "sum", "arguments": ""})


@pytest.mark.parametrize("empty", [b"", b" ", b"{}", b'{"choices": null}', b'{"choices": []}'])
def test_an_event_that_says_nothing_is_left_out(empty: bytes) -> None:
    events = ReplyEvents(100)
    events.add(empty)
    assert taken(events) == []
    assert not events.has_ended


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (b"{", "not JSON in UTF-8"),
        (b"\xff", "not JSON in UTF-8"),
        (b"[" * 100_000, "not JSON in UTF-8"),
        (b"[]", "(an event)"),
        (b'{"choices": "x"}', "(choices)"),
        (b'{"choices": [7]}', "(choices.0)"),
        (choice(delta=[]), "(choices.0.delta)"),
        (choice(delta={"content": 7}), "(content)"),
        (choice(delta={"content": ["x"]}), "(content)"),
        (choice(delta={"tool_calls": [{"index": "x"}]}), "(choices.0.delta.tool_calls.0.index)"),
        (choice(delta={"tool_calls": [{}] * 129}), "(choices.0.delta.tool_calls)"),
        (choice(finish_reason=7), "(choices.0.finish_reason)"),
        (b'{"error": {"message": "x"}}', "with an error"),
    ],
)
def test_what_is_no_reply_is_said(event: bytes, reason: str) -> None:
    with pytest.raises(ReplyFault) as raised:
        ReplyEvents(100).add(event)
    assert reason in str(raised.value)


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_cut_reply_is_no_whole_one(finish: str) -> None:
    events = ReplyEvents(100)
    with pytest.raises(ReplyCut):
        events.add(choice(delta={"content": "Half"}, finish_reason=finish))
    assert taken(events) == [{"content": "Half"}]


def test_the_limit_counts_arguments_of_tools_too() -> None:
    events = ReplyEvents(5)
    events.add(content("abc"))
    with pytest.raises(ReplyCut, match="longer than 5 characters"):
        events.add(content("def"))
    assert taken(events) == [{"content": "abcde"}]
    with pytest.raises(ReplyCut):
        ReplyEvents(5).add(choice(delta={"tool_calls": [{"function": {"arguments": "x" * 6}}]}))
