"""What `bench crossings` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Table, number, with_notes, with_spread

SIDES = {"here": "this checkout", "against": "the other one"}
WORKS = {"ingest": "one file ingested", "ask": "one question asked"}
FIRST = "the first file of all"
COUNTS = {
    "calls": "calls",
    "calls_and_resumptions": "with resumptions",
    "files": "files entered",
}
TOP_PAIRS = 12


def crossings_tables(found: dict[str, Any]) -> list[Table]:
    """Return the counts, and for each work and side the pairs of files with most calls."""
    sides, spread = found["sides"], found["spread"]
    rows = [
        [
            f"{name}: {count}",
            *(with_spread(number, sides[s][work][key], spread[s][work][key]) for s in sides),
        ]
        for work, name in WORKS.items()
        for key, count in COUNTS.items()
    ]
    rows += [
        [f"{FIRST}: {count}", *(number(one["first"][key]) for one in sides.values())]
        for key, count in COUNTS.items()
    ]
    counts = Table(
        "Calls from one of alir's source files to another",
        ["", *(SIDES[side] for side in sides)],
        rows,
    )
    return with_notes(
        [counts, *(_pairs(found, work, side) for work in WORKS for side in sides)],
        f"Median of {found['repeats']} files and questions, its least and its most, by an alir "
        f"that is warm and has {found['index_files']} files in its index; the first file of all "
        "makes the collection. HashEmbedding, Milvus Lite, no language model.",
        "A call counts if the calling frame is in one file of src/alir and the called one in "
        "another; through a library it does not. Resumptions: a generator or a coroutine goes on "
        "for one in another file. All threads count, child processes (the parser's) do not, nor "
        "alir.testing.",
    )


def crossings_charts(found: dict[str, Any]) -> list[Chart]:
    """Return the calls of each side."""
    groups = {
        name: [
            Bar(SIDES[side], one[work]["calls"], found["spread"][side][work]["calls"])
            for side, one in found["sides"].items()
        ]
        for work, name in WORKS.items()
    }
    return [Chart("From one source file to another", "calls", groups)]


def _pairs(found: dict[str, Any], work: str, side: str) -> Table:
    pairs = found["pairs"][side][work]
    rows = [[f"{caller} → {callee}", f"{calls:,}"] for caller, callee, calls in pairs[:TOP_PAIRS]]
    return Table(f"Most calls: {WORKS[work]}, {SIDES[side]}", ["from → to", "calls"], rows)
