"""What `bench sync` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Table, seconds

NAMES = {
    "first": "first run",
    "again": "nothing changed",
    "touched": "one file touched",
    "edited": "one file edited",
}


def sync_tables(found: dict[str, Any]) -> list[Table]:
    """Return a row for each run."""
    rows = [
        [
            NAMES[name],
            seconds(one["seconds"]),
            seconds(one["open_s"]),
            f"{one['embedding_calls']:,.0f}",
            f"{one['embedded']:,.0f}",
            f"{one['reused']:,.0f}",
            f"{one['writes']:,.0f}",
            f"{one['max_stall_ms']:.0f} ms",
        ]
        for name, one in found["runs_of"].items()
    ]
    head = [
        "",
        "time",
        "opening Milvus",
        "embedding calls",
        "chunks embedded",
        "vectors reused",
        "writes",
        "longest stall",
    ]
    notes = [
        f"{found['files']:,} files, {found['runs_of']['first']['chunks']:,.0f} chunks, "
        f"{found['embedding']}, Milvus Lite; median of {found['repeats']} repeats, each run a "
        "process of its own.",
        f"A run over what did not change takes {found['share_of_first']:.2%} of the first one's "
        f"time; {found['share_with_opening']:.2%} where both start Milvus Lite.",
    ]
    return [Table("Keeping an index like a folder", head, rows, notes)]


def sync_charts(found: dict[str, Any]) -> list[Chart]:
    """Return the time of each run."""
    bars = [
        Bar(NAMES[name], one["seconds"], found["spread"][name]["seconds"])
        for name, one in found["runs_of"].items()
    ]
    return [Chart("Time of a run", "s", {"": bars})]
