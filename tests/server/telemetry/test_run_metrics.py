"""Metrics of runs and models: by the names that the service gives them."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from alir.server.telemetry.run_metrics import RunMetrics
from alir.testing import HashEmbedding


class Failing(HashEmbedding):
    """It has no vectors."""

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        raise RuntimeError("hunter2")


def counted(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


def test_a_run_counts_by_its_outcome() -> None:
    registry = CollectorRegistry()
    metrics = RunMetrics(registry, [])
    metrics.run_ended("ask", object())
    metrics.run_ended("ask", None)
    metrics.count_failure("ask", ValueError("hunter2"), is_run=True)
    metrics.count_failure("ask", asyncio.CancelledError(), is_run=True)

    outcomes = {
        outcome: counted(registry, "alir_runs_total", workflow="ask", outcome=outcome)
        for outcome in ("done", "cancelled", "failed")
    }
    assert outcomes == {"done": 1, "cancelled": 2, "failed": 1}
    assert counted(registry, "alir_errors_total", part="ask", kind="ValueError") == 1


def test_a_reply_of_the_model_is_timed_once() -> None:
    registry = CollectorRegistry()
    metrics = RunMetrics(registry, [])
    metrics.model_called("a")
    metrics.model_replied("a")
    metrics.model_replied("a")
    metrics.model_replied("unknown")

    assert counted(registry, "alir_language_model_duration_seconds_count") == 1


async def test_a_failed_call_of_a_known_model_counts_and_others_do_not() -> None:
    registry = CollectorRegistry()
    known, other = Failing(), Failing()
    with RunMetrics(registry, [("embedding", known)]).listening():
        for model in (known, other):
            with pytest.raises(RuntimeError):
                await model.aget_text_embedding_batch(["a"])

    assert counted(registry, "alir_errors_total", part="embedding", kind="RuntimeError") == 1
