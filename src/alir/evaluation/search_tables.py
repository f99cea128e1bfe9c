"""The tables and charts of `alir eval`."""

from itertools import groupby
from typing import Any

from alir.evaluation.evaluate import MAIN
from alir.evaluation.report.tables import Bar, Chart, Table, with_notes


def eval_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table for each size of chunks."""
    tables = []
    for tokens, group in groupby(found["rows"], lambda row: row["chunk_tokens"]):
        rows = list(group)
        head = ["", *rows[0]["measures"], f"{MAIN}\nless *"]
        cells = [
            [
                _name(row),
                *(_figure(one) for one in row["measures"].values()),
                "" if row["default"] else _difference(row["less_default"]),
            ]
            for row in rows
        ]
        title = f"{found['eval']}, chunks of {tokens} tokens ({rows[0]['chunks']:,})"
        tables.append(Table(title, head, cells))
    about = (
        f"{found['documents']:,} documents, {found['questions']:,} questions. {found['rule']} "
        f"Embedding {found['model']}; neighbouring chunks share {found['overlap_tokens']} tokens; "
        f"{found['depth']} chunks are found for each question, and a document stands where its "
        f"best one does. Below each figure the 95% interval, of {found['resamples']:,} bootstrap "
        "resamples of the questions. * is how alir ask searches."
    )
    return with_notes(tables, about, *found["notes"])


def eval_charts(found: dict[str, Any]) -> list[Chart]:
    """Return every measure as dots with their intervals, by size of chunks."""
    by_size = {
        f"{tokens} tokens": list(group)
        for tokens, group in groupby(found["rows"], lambda row: row["chunk_tokens"])
    }
    return [
        Chart(
            f"{measure} and its 95% interval",
            "",
            {
                size: [_bar(row, row["measures"][measure]) for row in rows]
                for size, rows in by_size.items()
            },
            linear=True,
        )
        for measure in found["rows"][0]["measures"]
    ]


def _bar(row: dict[str, Any], one: dict[str, float]) -> Bar:
    return Bar(_name(row), one["value"], [one["low"], one["high"]])


def _name(row: dict[str, Any]) -> str:
    reranked = ", reranked" if row["rerank"] else ""
    return f"{row['search']}{reranked}{' *' if row['default'] else ''}"


def _figure(one: dict[str, float]) -> str:
    return f"{one['value']:.3f}\n{one['low']:.3f}–{one['high']:.3f}"


def _difference(one: dict[str, float]) -> str:
    return f"{one['value']:+.3f}\n{one['low']:+.3f} to {one['high']:+.3f}"
