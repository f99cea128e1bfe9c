"""What `bench ask` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import (
    Bar,
    Chart,
    Role,
    Table,
    number,
    seconds,
    times,
    with_notes,
)

SIDES = {
    "llama_index": "LlamaIndex",
    "llama_index_fused": "LlamaIndex, also by words",
    "drop_in": "LlamaIndex, alir's parts",
    "query_engine": "limit: its query engine",
    "alir": "alir",
    "workflow_engine": "limit: alir's empty steps",
    "alir_extractive": "alir, extractive",
}


def ask_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table for each number of questions, and one of questions while ingesting."""
    corpus = found["corpus"]
    about = (
        f"{corpus['files']:,} files, {corpus['chunks']:,} chunks, {found['questions']:,} different "
        f"questions, top {found['top_k']}; embedding {found['embedding']}; {found['milvus']}, "
        f"consistency {found['consistency_level']}; median of {found['repeats']} interleaved "
        "repeats. A language model that takes no time; alir's own workflow also searches by words "
        "and checks its citations."
    )
    tables = []
    for count, ratios in found["ratios"].items():
        rows = []
        for side, name in SIDES.items():
            if count not in found["sides"].get(side, {}):
                continue
            one = found["sides"][side][count]
            rows.append(
                [
                    name,
                    number(one["per_s"]),
                    *(seconds(one[key] / 1000) for key in ("p50_ms", "p95_ms", "p99_ms")),
                    times(ratios[side]) if side in ratios else "",
                ]
            )
        head = ["", "per second", "p50", "p95", "p99", "x LlamaIndex"]
        tables.append(Table(_title(count), head, rows))
    if busy := found["while_ingesting"]:
        rows = [
            [
                name,
                f"{busy[key]['asked']:.0f}",
                *(seconds(busy[key][percentile] / 1000) for percentile in ("p50_ms", "p95_ms")),
            ]
            for key, name in (("rest", "at rest"), ("busy", "while ingesting"))
        ]
        note = f"The 95th percentile while ingesting is {times(busy['p95_ratio'])} that at rest."
        tables.append(Table("Lone questions to alir", ["", "asked", "p50", "p95"], rows, [note]))
    return with_notes(tables, about)


def ask_charts(found: dict[str, Any]) -> list[Chart]:
    """Return questions per second and the 95th percentile as bars, by number of questions."""
    charts = []
    for key, title, unit in (
        ("per_s", "Questions per second (more is better)", "/s"),
        ("p95_ms", "95th percentile of the time to an answer", "ms"),
    ):
        groups = {
            _title(count): [
                Bar(
                    name,
                    found["sides"][side][count][key],
                    found["spread"]["sides"][side][count][key],
                    _role(side),
                )
                for side, name in SIDES.items()
                if count in found["sides"].get(side, {})
            ]
            for count in found["ratios"]
        }
        charts.append(Chart(title, unit, groups))
    return charts


def _role(side: str) -> Role:
    if side in {"query_engine", "workflow_engine"}:
        return "limit"
    return "theirs" if side.startswith("llama_index") else "ours"


def _title(count: str) -> str:
    return "Lone questions" if count == "1" else f"{int(count):,} questions at once"
