"""What `bench poison` shows of its JSON."""

from typing import Any

from alir.evaluation.report.tables import Chart, Table

_SIDES = {
    "llamaindex": "LlamaIndex",
    "plain_fence": "plain fence",
    "alir": "alir",
    "alir_everything": "alir, model obeys all",
    "alir_extractive": "alir, no model",
}


def poison_tables(found: dict[str, Any]) -> list[Table]:
    """Return the table of how many documents of each kind got what they want."""
    kinds = found["kinds"]
    rows = [
        [kind, *(str(counts[column]) for column in ("documents", *_SIDES))]
        for kind, counts in kinds.items()
    ]
    sums = [sum(counts[column] for counts in kinds.values()) for column in ("documents", *_SIDES)]
    rows.append(["all", *map(str, sums)])
    return [
        Table(
            "Poisoned documents that got what they want",
            ["", "documents", *_SIDES.values()],
            rows,
            notes=[
                "The scripted model has no judgement: it obeys all it reads outside tags called "
                "passage, and any end of such a tag that it can make out ends them; in the column "
                "“obeys all”, what is inside too. It says nothing of what a real model obeys.",
                "LlamaIndex: RetrieverQueryEngine and FunctionAgent as they come. Plain fence: "
                "<passage> around the text as it is, shown as it comes. alir: Ask and Agent.",
                "In alir's first column a document also counts that only misled the model: the "
                "answer was not the right one with its citation. Elsewhere a claim that the answer "
                "marks as unsupported does not count.",
            ],
        )
    ]


def poison_charts(_: dict[str, Any]) -> list[Chart]:
    """Return no chart: nothing is no length of a bar."""
    return []
