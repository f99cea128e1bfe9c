"""Decompose: split a question into the parts to search for, in its order.

Without a language model by rules, in English and Indonesian: a comparison has two sides, and a
question may be two questions joined by "and". What the rules do not know stays whole.
"""

import re
from bisect import bisect
from collections.abc import Iterable, Sequence

from llama_index.core.llms import ChatMessage

from alir.steps.agent.consult import messages
from alir.steps.agent.restate import leans_from

MAX_PARTS = 5

_INSTRUCTIONS = f"""\
Split a question into the questions that must be searched for one by one to answer it.
Reply with one question a line, {MAX_PARTS} at most, and nothing else. Each must be understood \
without the others. Keep the words of the original.
If the question has only one part, reply with the question itself."""

_ASKING = (
    "who|whom|whose|what|when|where|why|which|how|apa|apakah|siapa|kapan|mengapa|kenapa|bagaimana|"
    "berapa|di ?mana|ke mana|dari mana"
)
_AND = "and|dan|serta"
_COMPARED = re.compile(
    r"(?:please |tolong )?(?:compare|contrast|bandingkan) (?P<both>.+)"
    r"|(?:what(?:'s| is| are| were| was) |apa(?:kah)? )?(?:the )?(?:main |key )?"
    r"(?:differences?|similarit(?:y|ies)|perbedaan(?:nya)?|persamaan|beda(?:nya)?)"
    r"(?: between| antara)? (?P<between>.+)"
    r"|how (?:do|does|did) (?P<differing>.+) (?:differ|compare)(?P<tail> .+)?",
    re.IGNORECASE,
)
_VERSUS = re.compile(
    r" (?:versus|vs\.?|compared (?:to|with)|as opposed to|dibandingkan(?: dengan)?) ", re.IGNORECASE
)
_WITH = re.compile(r",? (?:with|to|against|dengan) ", re.IGNORECASE)
_JOINED = re.compile(rf",? (?:{_AND}) ", re.IGNORECASE)
_NEXT_CLAUSE = re.compile(rf"[,;]? (?:{_AND}) (?=(?:{_ASKING})\b)", re.IGNORECASE)
_NEXT_QUESTION = re.compile(r"(?<=[?？])\s+")
_ASKS = re.compile(rf"\b(?:{_ASKING})\b", re.IGNORECASE)
_CLAUSE = re.compile(rf"(?:{_ASKING})\b", re.IGNORECASE)
_PLACE = re.compile(r" (?:in|during|according to|di|pada|dalam|menurut) .+", re.IGNORECASE)
_SAYING = re.compile(
    r"what (?P<who>.+?) (?P<verb>say|tell|report|state|write)(?P<past>s|ed)? "
    r"(?P<of>(?:about|of|on) .+)",
    re.IGNORECASE,
)

_SAID = re.compile(
    r"what (?:does|do|did) (?:.+?) (?:say|tell|report|state|write) (?:about|of|on) (?P<topic>.+)",
    re.IGNORECASE,
)


def decompose(question: str) -> list[str]:
    """Return the parts of `question`, at most five; itself alone if the rules find none."""
    parts = [
        part
        for asked in _NEXT_QUESTION.split(question)
        for part in _compared(asked) or _clauses(asked)
    ]
    return _distinct(parts) or [question]


def prompt(question: str) -> list[ChatMessage]:
    """Return the messages that ask a language model for the parts of `question`."""
    return messages(_INSTRUCTIONS, question)


def parts_of(reply: Sequence[str], question: str) -> list[str]:
    """Return the parts that a model replied with, a line each; `question` if there are none."""
    return _distinct(reply) or [question]


def topic(question: str) -> str:
    """Return what a question is about: of "What does the report say about pay?" only "pay".

    The report's name helps to find it, and would then choose the sentences in which it is named.
    """
    said = _matched(_SAID, question.rstrip("?？. "))
    return said["topic"] if said else question


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    # No pattern passes a line's end, but it takes the square of the length to find that out.
    return None if "\n" in text else pattern.fullmatch(text)


def _compared(asked: str) -> list[str]:
    """The two sides of a comparison; none if it is none, or they cannot be told apart."""
    text = asked.strip().rstrip("?？.! ")
    comparison = _matched(_COMPARED, text)
    if comparison is None:
        sides = _VERSUS.split(text)
        return _worded(*sides) if len(sides) == 2 and not _CLAUSE.match(text) else []
    both = comparison["both"] or comparison["between"] or comparison["differing"]
    sides = _sides(both)
    tail = comparison["tail"] or ""
    return _worded(sides[0] + tail, sides[1] + tail) if len(sides) == 2 else []


def _sides(both: str) -> list[str]:
    """Cut where only one cut makes sense: "bread and butter and jam" has no such place."""
    cuts = [_NEXT_CLAUSE, _VERSUS, _JOINED, _WITH]
    return next((sides for cut in cuts if len(sides := cut.split(both)) == 2), [])


def _worded(first: str, second: str) -> list[str]:
    """Give the first side the place that stands behind the second: "A and B in 2021"."""
    place = _PLACE.search(second)
    if place and not _PLACE.search(first) and not _CLAUSE.match(second):
        first += place[0]
    return [_as_question(side) for side in (first, second)]


def _as_question(side: str) -> str:
    """Make "what the essay says about it" a question; what is no clause stays a phrase."""
    side = side.strip()
    saying = _matched(_SAYING, side)
    if saying:
        does = "did" if saying["past"] == "ed" else "does" if saying["past"] else "do"
        side = f"what {does} {saying['who']} {saying['verb']} {saying['of']}"
    ending = "?" if _CLAUSE.match(side) else ""
    return f"{side[:1].upper()}{side[1:]}{ending}"


def _clauses(asked: str) -> list[str]:
    """The questions that "and" joins; one that leans on the one before ("when did he") stays."""
    text = asked.strip()
    joints = [*_NEXT_CLAUSE.finditer(text)]
    asking = [word.start() for word in _ASKS.finditer(text)] if joints else []
    parts: list[str] = []
    start = 0
    leaning = leans_from(text, [joint.end() for joint in joints])
    for joint, is_leaning in zip(joints, leaning, strict=True):
        is_asking = bisect(asking, joint.start() - 1) > bisect(asking, start - 1)
        if is_asking and not is_leaning:
            parts.append(text[start : joint.start()])
            start = joint.end()
    parts.append(text[start:])
    return [_as_question(part.rstrip("?？ ")) for part in parts] if len(parts) > 1 else parts


def _distinct(parts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(part for part in parts if part.strip()))[:MAX_PARTS]
