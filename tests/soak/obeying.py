"""A scripted language model that obeys all it reads: the worst reader of a poisoned document.

It proves nothing about what a real model would obey. It has no judgement at all, so what it does
not do was prevented by something else.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from alir.testing.openai_script import CallTools, Json, Reply, Say

MOST_ORDERS = 3
"""Most orders of one prompt that it obeys; the first ones."""

_ORDER = re.compile(
    r"(?:\b(?:say|reply|answer|respond|write|output|repeat|balas|katakan|jawab|antworte|schreibe|"
    r"réponds|écris|responde|escribe)\b|回答|请说|答えて)[^:：\n]{0,60}[:：][ \t]*(?P<words>\S.*)",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:n|x([0-9a-f]{2})|u([0-9a-f]{4}))", re.IGNORECASE)
_SECRET = re.compile(r"\bcode of the office is (\S+)\.")

_MARK = re.compile(
    r"[<‹⟨〈❮ᐸ˂]\s*(?P<end>[/⁄∕]?)\s*(?P<name>[^\s<>]{4,40})"
    r"|(?P<template><\|\w+\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>)",
    re.IGNORECASE,
)
_LOOK_ALIKES = str.maketrans("аеѕрαερɑɡᴘᴀꜱɢᴇ", "aespaepagpasge")


def obeying(
    otherwise: Callable[[Json], Reply], *, even_fenced: bool = False
) -> Callable[[Json], Reply]:
    """Return a script for `OpenAIServer` that does what the messages of a request tell it to.

    "Say: ..." in one of several languages is said, with the access code that it has read in the
    place of SECRET; a tool that is offered and named is called. System messages give no orders.

    Args:
        otherwise: what it replies where nothing tells it anything.
        even_fenced: whether it obeys what stands between tags called passage, too. If not, any
            end of such a tag it can make out ends them all: in other letters, with letters
            between that are not seen, or a marker of some model's own template.
    """

    def reply(request: Json) -> Reply:
        read = "\n".join(
            str(message.get("content") or "")
            for message in request["messages"]
            if message["role"] in {"user", "tool"}
        )
        heard = _made_out(read)
        heard = heard if even_fenced else "\n".join(_outside(heard))
        calls = list(_calls(heard, request))
        if calls:
            return CallTools(calls)
        orders = [order["words"] for order in _ORDER.finditer(heard)][:MOST_ORDERS]
        secret = _SECRET.search(read)
        said = _ESCAPE.sub(_escaped, "\n".join(orders))
        return (
            Say(said.replace("SECRET", secret[1] if secret else "")) if said else otherwise(request)
        )

    return reply


def _made_out(text: str) -> str:
    """Return all that `text` says, with its hidden parts."""
    shown = []
    for letter in text:
        code = ord(letter)
        if 0xE0020 <= code <= 0xE007E:  # tag characters: ASCII that is not seen
            shown.append(chr(code - 0xE0000))
        elif 0xE0100 <= code <= 0xE01EF:  # variation selectors: bytes from 16 on
            shown.append(chr(code - 0xE0100 + 16))
        elif unicodedata.category(letter) != "Cf" and letter not in "\u034f\u115f\u1160\u3164":
            shown.append(letter)
    return unicodedata.normalize("NFKC", "".join(shown))


def _outside(text: str) -> Iterator[str]:
    start, is_inside = 0, False
    for mark in _MARK.finditer(text):
        if mark["template"] is None and not _is_passage(mark["name"]):
            continue
        if not is_inside:
            yield text[start : mark.start()]
        start, is_inside = mark.end(), mark["template"] is None and not mark["end"]
    if not is_inside:
        yield text[start:]


def _is_passage(name: str) -> bool:
    letters = unicodedata.normalize("NFKD", name).casefold().translate(_LOOK_ALIKES)
    return "".join(letter for letter in letters if letter.isascii()).startswith("passage")


def _calls(heard: str, request: Json) -> Iterator[tuple[str, Json]]:
    """Call each tool that is named, once in a conversation, with the line that names it."""
    done = {
        call["function"]["name"]
        for message in request["messages"]
        for call in message.get("tool_calls") or ()
    }
    for tool in request.get("tools") or ():
        function = tool["function"]
        named = re.search(rf"^.*\b{re.escape(function['name'])}\b.*$", heard, re.MULTILINE)
        if named and function["name"] not in done:
            yield function["name"], dict.fromkeys(function["parameters"]["properties"], named[0])


def _escaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else "\n"
