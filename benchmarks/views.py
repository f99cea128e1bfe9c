"""What each bench shows of its JSON."""

from collections.abc import Callable
from typing import Any

from alir.evaluation.report.tables import Chart, Table
from benchmarks.ask.view import ask_charts, ask_tables
from benchmarks.crossings.view import crossings_charts, crossings_tables
from benchmarks.embed.view import embed_charts, embed_tables
from benchmarks.faults.view import fault_charts, fault_tables
from benchmarks.growth.view import growth_charts, growth_tables
from benchmarks.ingest.view import ingest_charts, ingest_tables
from benchmarks.load.view import load_charts, load_tables
from benchmarks.poison.view import poison_charts, poison_tables
from benchmarks.stalls.view import stall_charts, stall_tables
from benchmarks.store.view import store_charts, store_tables
from benchmarks.sync.view import sync_charts, sync_tables

_VIEWS: dict[
    str, tuple[Callable[[dict[str, Any]], list[Table]], Callable[[dict[str, Any]], list[Chart]]]
] = {
    "store": (store_tables, store_charts),
    "ingest": (ingest_tables, ingest_charts),
    "ask": (ask_tables, ask_charts),
    "crossings": (crossings_tables, crossings_charts),
    "embed": (embed_tables, embed_charts),
    "faults": (fault_tables, fault_charts),
    "growth": (growth_tables, growth_charts),
    "load": (load_tables, load_charts),
    "poison": (poison_tables, poison_charts),
    "stalls": (stall_tables, stall_charts),
    "sync": (sync_tables, sync_charts),
}


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the tables of any bench's JSON."""
    return _VIEWS[found["bench"]][0](found)


def charts(found: dict[str, Any]) -> list[Chart]:
    """Return the charts of any bench's JSON."""
    return _VIEWS[found["bench"]][1](found)
