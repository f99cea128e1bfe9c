"""What `bench store` shows of its JSON."""

from typing import Any

from alir.bench.tables import Bar, Chart, Role, Table, seconds, times, with_spread

WAYS = {
    "sync_s": "LlamaIndex, one by one",
    "gather_s": "LlamaIndex, gather",
    "alir_s": "alir, same code",
    "alir_upsert_s": "alir, upserting",
    "batch_s": "LlamaIndex, one batch",
    "limit_s": "prebuilt requests",
}


def store_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table of medians with their spread, for adds and for searches."""
    about = (
        f"{found['milvus']}, consistency {found['consistency_level']}, {found['dim']} dimensions; "
        f"median of {found['repeats']} interleaved repeats (smallest to largest)"
    )
    tables = []
    for kind, noun in (("add", "nodes"), ("search", "searches")):
        by_count = found[kind]
        ways = [way for way in WAYS if any(way in one for one in by_count.values())]
        rows = [
            [WAYS[way], *(_cell(found, kind, count, way) for count in by_count)] for way in ways
        ]
        for ratio, label in (
            ("gather_over_alir", "gather / alir"),
            ("alir_over_limit", "alir / limit"),
        ):
            rows.append(
                [label, *(times(found["ratios"][kind][count][ratio]) for count in by_count)]
            )
        notes = [about]
        if kind == "search":
            chunking = "; ".join(f"{n}: {how}" for n, how in found["limit_chunking"].items())
            notes.append(f"Prebuilt requests, by count: {chunking}.")
        notes += [f"Not measured: {reason}." for reason in found["skipped"]]
        tables.append(
            Table(kind.capitalize(), ["", *(f"{int(n):,} {noun}" for n in by_count)], rows, notes)
        )
    return tables


def store_charts(found: dict[str, Any]) -> list[Chart]:
    """Return the medians as bars, for adds and for searches."""
    charts = []
    for kind, title in (("add", "Seconds to add nodes"), ("search", "Seconds to search")):
        groups = {
            f"{int(count):,}": [
                Bar(WAYS[way], by_way[way], found["spread"][kind][count][way], _role(way))
                for way in WAYS
                if by_way.get(way) is not None
            ]
            for count, by_way in found[kind].items()
        }
        charts.append(Chart(title, "s", groups))
    return charts


def _cell(found: dict[str, Any], kind: str, count: str, way: str) -> str:
    median = found[kind][count].get(way)
    if median is None:
        return "–"
    return with_spread(seconds, median, found["spread"][kind][count][way])


def _role(way: str) -> Role:
    if way == "limit_s":
        return "limit"
    return "ours" if way.startswith("alir") else "theirs"
