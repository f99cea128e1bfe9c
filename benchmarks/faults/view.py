"""What `bench faults` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Chart, Table, with_notes

_SIDES = {"alir": "alir", "pipeline": "LlamaIndex"}
_TIMES = {"after_the_fault": "After the fault", "after_the_next_run": "After the next run"}


def fault_tables(found: dict[str, Any]) -> list[Table]:
    """Return a table for the time after the fault, and one for that after the next run."""
    tables = [
        Table(
            title,
            ["", *_SIDES.values()],
            [
                [fault, *(_wrong(by_side[side][time]) for side in _SIDES)]
                for fault, by_side in found["faults"].items()
            ],
        )
        for time, title in _TIMES.items()
    ]
    return with_notes(
        tables,
        f"Files of {found['files']}, as a query for everything sees them. Lost: neither version is "
        "there whole. Doubled: chunks of both, or one twice. Orphaned: deleted, and still found.",
        "LlamaIndex: IngestionPipeline with a docstore and UPSERTS, persisted after each run that "
        "succeeds; the same chunks, embedding and Milvus Lite.",
    )


def _wrong(judged: dict[str, int]) -> str:
    wrong = [f"{judged[kind]} {kind}" for kind in ("lost", "doubled", "orphaned") if judged[kind]]
    return ", ".join(wrong) or "0"


def fault_charts(_: dict[str, Any]) -> list[Chart]:
    """Return no chart: nothing is no length of a bar."""
    return []
