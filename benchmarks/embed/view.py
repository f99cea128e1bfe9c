"""What `bench embed` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import (
    Bar,
    Chart,
    Table,
    number,
    seconds,
    times,
    with_notes,
    with_spread,
)

NOT_OURS = {
    "encode": "SentenceTransformer.encode of all texts in one call",
    "torch-int8": "torch in eight bits, which alir does not offer",
}


def embed_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table of the backends' cost, and one of their recall if there were questions."""
    first = next(iter(found["sides"]))
    rows = []
    for backend, one in found["sides"].items():
        spread = found["spread"][backend]
        rows.append(
            [
                backend,
                with_spread(number, one["texts_per_s"], spread["texts_per_s"]),
                with_spread(times, one["ratio"], spread["ratio"]),
                seconds(one["cpu_ms_per_text"] / 1000),
                seconds(one["load_s"]),
                f"{one['peak_rss_mib']:,.0f} MiB",
            ]
        )
    head = ["", "texts/s", f"x {first}", "CPU a text", "to load", "peak RSS"]
    notes = [f"{name}: {what}." for name, what in NOT_OURS.items() if name in found["sides"]]
    tables = [Table("Embed", head, rows, notes)]
    if found["quality"]:
        rows = [
            [backend, *(f"{value:.3f}" for value in one.values())]
            for backend, one in found["quality"].items()
        ]
        notes = [
            f"Of the texts nearest to {found['questions']:,} questions, against {first}'s vectors. "
            f"Across: the texts' vectors by {first}, the questions' by this backend."
        ]
        head = ["", "recall@10", "across", "cosine"]
        tables.append(Table("Recall", head, rows, notes))
    about = (
        f"{found['model']}; {found['sample']:,} of {found['texts']:,} texts; median of "
        f"{found['repeats']} interleaved repeats (smallest to largest), each backend in a process "
        "of its own. Loading is from the start of the process to its first vector."
    )
    return with_notes(tables, about)


def embed_charts(found: dict[str, Any]) -> list[Chart]:
    """Return texts per second, the time to load and peak memory as bars."""
    charts = []
    for key, title, unit in (
        ("texts_per_s", "Texts per second (more is better)", "/s"),
        ("load_s", "Seconds to load", "s"),
        ("peak_rss_mib", "Peak memory of the process", "MiB"),
    ):
        bars = [
            Bar(backend, one[key], found["spread"][backend][key])
            for backend, one in found["sides"].items()
        ]
        charts.append(Chart(title, unit, {"": bars}))
    return charts
