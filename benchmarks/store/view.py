"""What `bench store` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Role, Table, seconds, times, with_spread

WAYS = {
    "sync_s": "LlamaIndex, one by one",
    "gather_s": "LlamaIndex, gather",
    "alir_s": "alir, same code",
    "alir_upsert_s": "alir, upserting",
    "batch_s": "LlamaIndex, one batch",
    "limit_s": "limit",
    "wire_s": "prebuilt, unread",
}
RATIOS = {
    "gather_over_alir": "gather / alir",
    "alir_over_limit": "alir / limit",
    "alir_over_wire": "alir / prebuilt",
}
LIMITS = {
    "add": "Limit: requests built beforehand, on the wire.",
    "search": "Limit: many vectors in one search of pymilvus, every hit read ({limit_s}). "
    "Prebuilt, unread: requests built beforehand, with answers that are not read ({wire_s}).",
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
        ratios = found["ratios"][kind]
        rows += [
            [label, *(times(ratios[count][ratio]) for count in by_count)]
            for ratio, label in RATIOS.items()
            if all(ratio in one for one in ratios.values())
        ]
        largest = found["chunking"][max(by_count, key=int)]
        notes = [about, LIMITS[kind].format(**largest)]
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
    if way in {"limit_s", "wire_s"}:
        return "limit"
    return "ours" if way.startswith("alir") else "theirs"
