"""`alir bench stalls`: how long nasty replies of a language model keep the event loop.

A scripted language model answers each question with one of `nasty.NASTY`; the documents that are
found for it are as nasty. The loop of the process that asks is watched meanwhile. The JSON, beside
what every bench has:

- `replies`: how many; `characters`: how many each has; `token_characters`: of each token.
- `ways`: `tokens`, a reply that streams token by token; `whole`, one that comes at once;
  `extractive`, no language model, its sentences are the documents'; `agent`, every call of the
  language model has that reply.
- `stalls`, by reply and way: `stall_ms`, the most that a tick of 5 ms came late, and `busy_ms`, the
  most that the loop's own thread worked between two ticks. What another process kept from it is in
  the first, and not in the second. Of several repeats, the median.
- `worst`: the largest of each, and the reply and the way it is of.
"""

import re
from dataclasses import dataclass
from typing import Any

from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.testing import OpenAIServer, Reply, Say
from alir.testing.openai_script import Json
from benchmarks.child import in_child
from benchmarks.measure import by_key, medians, runs, spreads
from benchmarks.stalls.nasty import NASTY, nasty
from benchmarks.stalls.side import WAYS

_ASKED = re.compile(r"harbour notes on (.+?) say \((\w+)\)")


@dataclass(frozen=True, slots=True)
class StallOptions:
    """What `bench stalls` was asked to measure."""

    characters: int = 20_000
    token_characters: int = 4
    replies: int = len(NASTY)
    repeats: int = 1


async def measure_stalls(options: StallOptions, progress: Progress) -> dict[str, Any]:
    """Measure, and return the JSON this module describes.

    Raises:
        WrongResult: an answer was none of the reply.
    """
    described = machine.describe()
    with OpenAIServer(_Model(options, progress).reply) as server:
        found = [
            await in_child("stalls", base_url=server.base_url, replies=options.replies)
            for _ in range(options.repeats)
        ]
    figures = {
        name: {way: by_key([one[name][way] for one in found]) for way in WAYS} for name in found[0]
    }
    stalls = medians(figures)
    return {
        "bench": "stalls",
        "replies": len(stalls),
        "characters": options.characters,
        "token_characters": options.token_characters,
        "ways": list(WAYS),
        "repeats": options.repeats,
        "stalls": stalls,
        "worst": {key: _worst(stalls, key) for key in ("stall_ms", "busy_ms")},
        "spread": spreads(figures),
        "runs": runs(figures),
        "machine": described,
    }


class _Model:
    """Replies with the text that a question names; a question without one gets the last again."""

    def __init__(self, options: StallOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._name, self._way = next(iter(NASTY)), "tokens"

    def reply(self, request: Json) -> Reply:
        """Return the reply to a request."""
        said = "\n".join(str(one.get("content") or "") for one in request["messages"])
        if asked := _ASKED.findall(said):
            self._name, self._way = asked[-1]
            self._progress(f"{self._name}, {self._way}")
        characters = self._options.characters
        tokens = -(-characters // self._options.token_characters) if self._way == "tokens" else 1
        return Say(nasty(self._name, characters), pieces=tokens)


def _worst(stalls: dict[str, dict[str, dict[str, float]]], key: str) -> dict[str, Any]:
    ms, reply, way = max(
        (figures[key], name, way)
        for name, by_way in stalls.items()
        for way, figures in by_way.items()
    )
    return {"ms": ms, "reply": reply, "way": way}
