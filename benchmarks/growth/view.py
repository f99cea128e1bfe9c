"""What `bench growth` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Bar, Chart, Table, number, seconds, times, with_notes

KINDS = {
    "chunks": "chunks",
    "files": "tiny files",
    "giant": "MiB, one file",
    "depths": "levels of folders",
}

TITLES = {
    "chunks": "More chunks",
    "files": "More tiny files",
    "giant": "One giant file",
    "depths": "Deeper folders",
}


def growth_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table for each kind of growth."""
    tables = []
    for kind, name in KINDS.items():
        per = "file" if kind in {"files", "depths"} else "chunk"
        rows = [
            [
                f"{int(size):,}",
                f"{one['chunks']:,.0f}",
                seconds(one["seconds"]),
                f"{number(one['seconds'] * 1000 / one[f'{per}s'])} ms",
                f"{number(one[f'cpu_ms_per_{per}'])} ms",
                f"{one['peak_rss_mib']:,.0f} MiB",
                f"{one['milvus_peak_rss_mib']:,.0f} MiB",
            ]
            for size, one in found[kind].items()
        ]
        head = [name, "chunks", "time", f"a {per}", f"CPU a {per}", "peak RSS", "Milvus Lite"]
        if rows:
            tables.append(Table(TITLES[kind], head, rows))
    notes = [
        f"Words hashed instead of a model run, 384 dimensions, Milvus Lite; median of "
        f"{found['repeats']} interleaved repeats, each size in a process of its own."
    ]
    if growth := found["growth"]:
        notes.append(
            f"From the second largest number of chunks to the largest: a chunk takes "
            f"{times(growth['ms_per_chunk'])} as long, the peak memory is "
            f"{times(growth['peak_rss_mib'])}."
        )
    if deeper := found["depth_growth"]:
        notes.append(
            f"From the least deep folders to the deepest: a file takes "
            f"{times(deeper['ms_per_file'])} as long, and {times(deeper['again_ms_per_file'])} in "
            "a second run that finds nothing changed."
        )
    if more := found["one_more_growth"]:
        took = " and ".join(f"{number(one['one_more_ms'])} ms" for one in _ends(found["files"]))
        notes.append(
            f"A run over one new file, beside the fewest files and beside the most: {took}, "
            f"{times(more['one_more_ms'])} as long."
        )
    return with_notes(tables, *notes)


def _ends(sizes: dict[str, Any]) -> list[Any]:
    found = list(sizes.values())
    return [found[0], found[-1]]


def growth_charts(found: dict[str, Any]) -> list[Chart]:
    """Return the cost of a chunk and the peak memory by size."""
    charts = []
    for key, title, unit in (
        ("ms_per_chunk", "Time for a chunk", "ms"),
        ("cpu_ms_per_file", "CPU time for a file", "ms"),
        ("peak_rss_mib", "Peak memory of alir's process", "MiB"),
    ):
        bars = [
            Bar(f"{int(size):,} {name}", one[key], found["spread"][kind][size][key])
            for kind, name in KINDS.items()
            for size, one in found[kind].items()
            if key != "cpu_ms_per_file" or kind == "files"
        ]
        charts.append(Chart(title, unit, {"": bars}))
    return [chart for chart in charts if any(chart.groups.values())]
