"""Replies that no honest language model gives, to try what a program makes of them."""

import json
from collections.abc import Mapping

from alir.testing.openai_script import CallTools, Cut, Fail, Json, Raw, Reply, Say, Stall


def event(value: object) -> bytes:
    """Write an object as a server-sent event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(text: object, **choice: object) -> bytes:
    """Write a piece of a reply as an event of the protocol."""
    return event(_chunk([{"index": 0, "delta": {"content": text}, **choice}]))


def _chunk(choices: object) -> Json:
    kind = "chat.completion.chunk"
    return {"id": "x", "object": kind, "created": 0, "model": "m", "choices": choices}


DONE = b"data: [DONE]\n\n"
BEGINNING = delta("The strait divides two kinds of animals [1]. And it ")
"""What comes before the fault, where a reply breaks in the middle."""

_EMOJI = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n'

HOSTILE_REPLIES: Mapping[str, Reply] = {
    "no JSON": Raw([BEGINNING, b"data: {not JSON\n\n", DONE]),
    "no JSON at once": Raw([b"data: {not JSON\n\n", DONE]),
    "JSON that is no object": Raw([BEGINNING, event([1, 2]), event("text"), event(None), DONE]),
    "deeply nested JSON": Raw([BEGINNING, b"data: " + b"[" * 100_000 + b"\n\n", DONE]),
    "a number of 5,000 digits": Raw(
        [b'data: {"choices": [], "n": %s}\n\n' % (b"9" * 5_000), delta("Hi. "), DONE]
    ),
    "bytes that are no UTF-8": Raw([BEGINNING, b'data: {"choices": "\xff\xfe"}\n\n', DONE]),
    "null for choices": Raw([BEGINNING, event(_chunk(None)), delta("is deep."), DONE]),
    "null for all choices": Raw([event(_chunk(None))] * 3 + [DONE]),
    "no choices": Raw([BEGINNING, event({"id": "x"}), DONE]),
    "text for choices": Raw([BEGINNING, event(_chunk("text")), DONE]),
    "null for a choice": Raw([BEGINNING, event(_chunk([None])), DONE]),
    "null for a delta": Raw([BEGINNING, event(_chunk([{"index": 0, "delta": None}])), DONE]),
    "a list for a delta": Raw([BEGINNING, event(_chunk([{"index": 0, "delta": [1]}])), DONE]),
    "a number for the text": Raw([BEGINNING, delta(7), DONE]),
    "a list for the text": Raw([BEGINNING, delta([{"type": "text", "text": "x"}]), DONE]),
    "an unknown role": Raw(
        [event(_chunk([{"index": 0, "delta": {"role": "pirate", "content": "Arr. "}}])), DONE]
    ),
    "a list for the usage": Raw([BEGINNING, event({**_chunk([]), "usage": [1]}), DONE]),
    "text for a call of a tool": Raw(
        [event(_chunk([{"index": 0, "delta": {"tool_calls": "search"}}])), DONE]
    ),
    "half a call of a tool": Raw(
        [event(_chunk([{"index": 0, "delta": {"tool_calls": [{"function": None}]}}])), DONE]
    ),
    "calls of tools nobody offered": CallTools([("delete_everything", {"sure": True})]),
    "an emoji in two halves": Raw(
        [BEGINNING, _EMOJI % rb"smiles \ud83d", _EMOJI % rb"\ude00.", DONE]
    ),
    "half an emoji": Raw([BEGINNING, _EMOJI % rb"smiles \ud83d", DONE]),
    "halves of emojis the wrong way": Raw([_EMOJI % rb"\ude00 says \ud83d it. ", DONE]),
    "control characters": Raw([delta("The \0 strait \x1b[31m is \u202e red [1]. "), DONE]),
    "an error in the middle": Raw([BEGINNING, event({"error": {"message": "overloaded"}}), DONE]),
    "a broken connection": Cut("The strait divides two kinds of animals [1]. And it "),
    "an end without an ending": Raw([BEGINNING]),
    "nothing": Raw([b""]),
    "nothing but the end": Raw([DONE]),
    "an empty reply": Say(""),
    "white space": Say(" \n \n "),
    "a reply in one piece": Raw([json.dumps({"choices": []}).encode()], content_type="text/json"),
    "a page": Raw([b"<!DOCTYPE html><title>Log in</title>"], content_type="text/html"),
    "a cut reply": Say("The strait divides two kinds of animals [1]. And", finish_reason="length"),
    "a filtered reply": Say("The strait divides", finish_reason="content_filter"),
    "a compressed reply": Raw([b"\x1f\x8b\x08" * 9], headers={"content-encoding": "gzip"}),
    "a redirect": Raw([b""], status=307, headers={"location": "http://127.0.0.1:9/elsewhere"}),
    "a redirect to itself": Raw([b""], status=307, headers={"location": "/v1/chat/completions"}),
    "429 with an hour": Fail(429, retry_after=3_600),
    "429 with 59 s": Fail(429, retry_after=59),
    "503 with 59 s": Fail(503, retry_after=59),
    "204": Raw([b""], status=204),
    "a teapot": Raw([b"{" * 99], status=418, content_type="application/json"),
    "a silent endpoint": Stall(600),
    "a silent reply": Raw([b": waiting\n\n", DONE], pause_s=600),
    "silence in the middle": Raw([BEGINNING, DONE], pause_s=600),
    "a byte now and then": Raw([b":"], pause_s=0.05, is_endless=True),
    "a word now and then": Raw([BEGINNING, delta("and ")], pause_s=0.05, is_endless=True),
    "an endless reply": Raw([delta("and so on, and so on, ")], is_endless=True),
    "endless sentences": Raw([delta("It is deep [1]. ")], is_endless=True),
    "endless thought": Raw(
        [event(_chunk([{"index": 0, "delta": {"reasoning_content": "hm " * 100}}]))],
        is_endless=True,
    ),
    "endless calls of tools": Raw(
        [
            event(
                _chunk([{"index": 0, "delta": {"tool_calls": [{"function": {"arguments": "x"}}]}}])
            )
        ],
        is_endless=True,
    ),
    "an endless line": Raw([b"data: ", b"x" * 65_536], is_endless=True),
    "an endless event": Raw([b"data: x\n" * 8_192], is_endless=True),
    "endless comments": Raw([b": still here\n\n"], is_endless=True),
    "an endless error": Raw([b"x" * 65_536], status=500, is_endless=True),
    "a huge piece": Raw([delta("word " * 1_000_000), DONE]),
    "a huge word": Raw([delta("x" * 300_000), DONE]),
}
"""By what they are. Some end only with the client's patience, or not even then."""
