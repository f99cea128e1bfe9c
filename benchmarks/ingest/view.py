"""What `bench ingest` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Role, Table, number, seconds, with_spread

SIDES = {
    "alir": "alir",
    "from_documents": "from_documents",
    "pipeline": "IngestionPipeline",
    "encode": "the model alone",
}
ROLES: dict[str, Role] = {
    "alir": "ours",
    "from_documents": "theirs",
    "pipeline": "theirs",
    "encode": "limit",
}


def ingest_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table of the sides, and one of alir's stages."""
    corpus = found["corpus"]
    cut = "sentences" if found["cut_chars"] is None else f"every {found['cut_chars']} characters"
    rows = []
    for side, name in SIDES.items():
        one = found["sides"][side]
        stall = one.get("max_stall_ms")
        rows.append(
            [
                name,
                f"{one['chunks']:,.0f}",
                seconds(one["seconds"]),
                with_spread(number, one["chunks_per_s"], found["spread"][side]["chunks_per_s"]),
                f"{found['fraction_of_limit'][side]:.1%}",
                f"{one['peak_rss_mib']:,.0f} MiB",
                "–" if stall is None else f"{stall:.0f} ms",
            ]
        )
    about = (
        f"{corpus['files']:,} files, {corpus['chars']:,} characters, cut at {cut}; embedding "
        f"{found['embedding']}; Milvus Lite; median of {found['repeats']} interleaved repeats, "
        "each side in a process of its own. Not counted: loading the model, making the collection."
    )
    head = ["", "chunks", "time", "chunks/s", "of the model", "peak RSS", "longest stall"]
    stages = [[stage, f"{share:.1%}"] for stage, share in found["stages"].items()]
    return [
        Table("Ingest", head, rows, [about, *(f"{note}." for note in found["notes"])]),
        Table(
            "Where alir's time goes",
            ["stage", "share"],
            stages,
            ["Of the seconds of all stages together; those of several shards run at once."],
        ),
    ]


def ingest_charts(found: dict[str, Any]) -> list[Chart]:
    """Return chunks per second and peak memory as bars."""
    charts = []
    for key, title, unit in (
        ("chunks_per_s", "Chunks per second (more is better)", "/s"),
        ("peak_rss_mib", "Peak memory of the process", "MiB"),
    ):
        bars = [
            Bar(name, found["sides"][side][key], found["spread"][side][key], ROLES[side])
            for side, name in SIDES.items()
        ]
        charts.append(Chart(title, unit, {"": bars}))
    return charts
