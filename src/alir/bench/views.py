"""What each bench shows of its JSON."""

from collections.abc import Callable
from typing import Any

from alir.bench.ask_view import ask_charts, ask_tables
from alir.bench.growth_view import growth_charts, growth_tables
from alir.bench.ingest_view import ingest_charts, ingest_tables
from alir.bench.store_view import store_charts, store_tables
from alir.bench.tables import Chart, Table

_TABLES: dict[str, Callable[[dict[str, Any]], list[Table]]] = {
    "store": store_tables,
    "ingest": ingest_tables,
    "ask": ask_tables,
    "growth": growth_tables,
}
_CHARTS: dict[str, Callable[[dict[str, Any]], list[Chart]]] = {
    "store": store_charts,
    "ingest": ingest_charts,
    "ask": ask_charts,
    "growth": growth_charts,
}


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the tables of any bench's JSON."""
    return _TABLES[found["bench"]](found)


def charts(found: dict[str, Any]) -> list[Chart]:
    """Return the charts of any bench's JSON."""
    return _CHARTS[found["bench"]](found)
