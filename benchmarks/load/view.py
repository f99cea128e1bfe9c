"""What `bench load` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Role, Table, number, seconds, with_notes

SIDES: dict[str, tuple[str, Role]] = {
    "alir": ("alir", "ours"),
    "llama_index": ("LlamaIndex behind Starlette", "theirs"),
    "alir_extractive": ("alir, extractive", "ours"),
}
_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")


def load_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table of the questions, and one of the service meanwhile."""
    sides = [
        (name, found["sides"][side]) for side, (name, _) in SIDES.items() if side in found["sides"]
    ]
    head = ["", "bears", "offered", "sent", "answered", "429", "5xx, none", "p50", "p95", "p99"]
    rows = [
        [
            name,
            f"{number(one['sustainable_per_s'])}/s",
            f"{number(one['offered_per_s'])}/s",
            f"{one['offered'] - one['unsent']:,}",
            f"{one['answered']:,}\n({number(one['answered_per_s'])}/s)",
            f"{one['shed']:,}",
            f"{one['server_errors']:,}",
            *(seconds(one[key] and one[key] / 1000) for key in _PERCENTILES),
        ]
        for name, one in sides
    ]
    asked = Table(f"{found['seconds']:g} s of {found['times']:g} times the load", head, rows)
    head = [
        "",
        "RSS",
        "a minute",
        "its Milvus Lite",
        "stall",
        "busiest",
        "questions at once",
        "waiting",
        "chunks",
    ]
    rows = [
        [
            name,
            _memory(one["rss_mib"]),
            f"{one['rss_mib']['per_minute']:+.1f} MiB",
            _memory(one["milvus_rss_mib"]),
            f"{one['max_stall_ms']:.0f} ms\n({one['stalls_over_100']} over 100)",
            f"{one['busiest_ms']:.0f} ms",
            *("–" if one[key] is None else str(one[key]) for key in ("max_places", "max_line")),
            f"{one['ingested']['chunks']:,}",
        ]
        for name, one in sides
    ]
    corpus = found["corpus"]
    return with_notes(
        [asked, Table("The service meanwhile", head, rows)],
        f"{corpus['files']:,} files, {corpus['chunks']:,} chunks, {found['questions']:,} different "
        f"questions by at most {found['askers']:,} askers at once, top {found['top_k']}; embedding "
        f"{found['embedding']}; {found['milvus']}; alir answers at most {found['places']} at once "
        f"and lets {found['line']} wait. A language model that takes no time, but for the "
        "extractive row. LlamaIndex gets the load of alir; extractive, ten times its own.",
        "Bears: answered in a second at rest, by as many askers as alir answers at once, each "
        "waiting for its answer. RSS: at the start of the load, at its end, and at most. Stall: "
        "the longest delay of a timer in the service's event loop; busiest: the most processor "
        "time it took without coming to one. Chunks: ingested meanwhile.",
    )


def _memory(mib: dict[str, float]) -> str:
    return f"{mib['start']:.0f} to {mib['end']:.0f} MiB\n(max {mib['max']:.0f})"


def load_charts(found: dict[str, Any]) -> list[Chart]:
    """Return what was answered in a second, and how long that took."""
    answered = {
        "answered in a second": [
            Bar(name, one["answered_per_s"], [one["answered_per_s"]] * 2, role)
            for side, (name, role) in SIDES.items()
            if (one := found["sides"].get(side)) and one["answered"]
        ]
    }
    took = {
        key.removesuffix("_ms"): [
            Bar(name, one[key], [one[key]] * 2, role)
            for side, (name, role) in SIDES.items()
            if (one := found["sides"].get(side)) and one[key]
        ]
        for key in _PERCENTILES
    }
    return [
        Chart("Answers (more is better)", "/s", answered),
        Chart("Time to an answer", "ms", took),
    ]
