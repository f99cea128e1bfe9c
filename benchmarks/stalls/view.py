"""What `bench stalls` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Table, number, with_notes

_WAYS = {
    "tokens": "token by token",
    "whole": "at once",
    "extractive": "no model",
    "agent": "agent",
}


def stall_tables(found: dict[str, Any]) -> list[Table]:
    """Return the worst stall of each reply, the worst first, and of all."""
    ways = found["ways"]
    by_reply = sorted(
        found["stalls"].items(), key=lambda one: -max(way["stall_ms"] for way in one[1].values())
    )
    rows = [[name, *(_ms(by_way[way]) for way in ways)] for name, by_way in by_reply]
    worst, busiest = found["worst"]["stall_ms"], found["worst"]["busy_ms"]
    overall = Table(
        "The worst of all",
        ["", "ms", "reply", "way"],
        [
            ["a tick came late", number(worst["ms"]), worst["reply"], _WAYS[worst["way"]]],
            ["its own work", number(busiest["ms"]), busiest["reply"], _WAYS[busiest["way"]]],
        ],
    )
    each = Table("By reply, in ms", ["", *(_WAYS[way] for way in ways)], rows)
    return with_notes(
        [overall, each],
        f"How late a tick of 5 ms came in the event loop, at worst, and in parentheses how long "
        f"the loop's own thread worked between two ticks. {found['replies']} replies of "
        f"{found['characters']:,} characters, tokens of {found['token_characters']}; documents "
        "that are as nasty; HashEmbedding, Milvus Lite, a scripted language model.",
    )


def stall_charts(found: dict[str, Any]) -> list[Chart]:
    """Return the worst stall of each way."""
    bars = [
        Bar(_WAYS[way], max(stalls), [min(stalls), max(stalls)])
        for way in found["ways"]
        if (stalls := [one[way]["stall_ms"] for one in found["stalls"].values()])
    ]
    return [Chart("The worst stall", "ms", {"": bars})]


def _ms(way: dict[str, float]) -> str:
    return f"{number(way['stall_ms'])} ({number(way['busy_ms'])})"
