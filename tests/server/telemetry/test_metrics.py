"""Metrics: what happens in the service is counted, under names that nobody outside can make up."""

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from alir.errors import MilvusUnavailable
from alir.server.problems import ProblemException
from alir.testing import Cut, Fail, HashEmbedding, OpenAIServer, Say

TEXT = "The strait of Makassar divides two kinds of animals."
QUESTION = {"question": "What divides hunter2?"}
REPLY = "The strait of Makassar divides them [1]."


class Told:
    """What a service says of itself."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels."""
        return sum(
            one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        )

    def values(self, label: str) -> set[str]:
        return {one.labels[label] for one in self.samples if label in one.labels}


async def told_to(client: httpx.AsyncClient) -> Told:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(answer.text)
    return Told([sample for family in families for sample in family.samples])


REQUESTS = "alir_http_request_duration_seconds_count"
SIZE = "alir_milvus_batch_size"
EXPECTED: list[tuple[float, str, dict[str, str]]] = [
    (2, REQUESTS, {"method": "POST", "route": "/v1/ask", "status": "200"}),
    (1, REQUESTS, {"method": "POST", "route": "/v1/ask", "status": "502"}),
    (4, REQUESTS, {"route": "/v1/sources/{id}", "status": "404"}),
    (1, REQUESTS, {"method": "other", "route": "", "status": "404"}),
    (1, REQUESTS, {"route": "/v1/ask", "status": "405"}),
    (1, REQUESTS, {"route": "", "status": "401"}),
    (1, "alir_http_requests_in_progress", {}),
    (1, "alir_refused_total", {"too_many": "requests"}),
    (0, "alir_refused_total", {"too_many": "questions"}),
    # Answers, whichever way they were asked for.
    (3, "alir_runs_total", {"workflow": "ask", "outcome": "done"}),
    (1, "alir_runs_total", {"workflow": "ask", "outcome": "failed"}),
    (3, "alir_run_duration_seconds_count", {"workflow": "ask"}),
    *(
        (3, "alir_stage_duration_seconds_count", {"workflow": "ask", "stage": stage})
        for stage in ("embed", "dense", "keyword", "fuse", "read", "synthesize")
    ),
    (1, "alir_degraded_total", {"workflow": "ask"}),  # written without the model that refused
    (0, "alir_questions_in_progress", {}),
    (32, "alir_questions_limit", {}),
    # The ingestion.
    (1, "alir_runs_total", {"workflow": "ingest", "outcome": "done"}),
    (1, "alir_ingested_files_total", {"outcome": "added"}),
    (0, "alir_ingested_files_total", {"outcome": "failed"}),
    (1, "alir_ingested_chunks_total", {"vector": "computed"}),
    (0, "alir_ingestions_waiting", {}),
    # Models and their errors.
    (2, "alir_language_model_duration_seconds_count", {}),
    (1, "alir_errors_total", {"part": "language_model", "kind": "BadRequestError"}),
    (2, "alir_errors_total", {"part": "language_model"}),
    (1, "alir_errors_total", {"part": "ask", "kind": "LanguageModelFailed"}),
    # What went to Milvus together: one file, of one chunk.
    (1, f"{SIZE}_count", {"kind": "upserts"}),
    (1, f"{SIZE}_sum", {"kind": "upserts"}),
    (1, f"{SIZE}_bucket", {"kind": "upserts", "le": "1.0"}),
    (1, "alir_milvus_batch_largest", {"kind": "upserts"}),
    (0, "alir_milvus_items_waiting", {}),
    (1, "alir_info", {"version": version("alir")}),
]
POSITIVE = (
    "alir_ingest_stage_seconds_total",
    "alir_event_loop_lag_seconds_count",
    "alir_milvus_items_wait_seconds_total",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
)


async def test_what_happens_is_counted_by_names_of_the_code_alone(
    serving: Callable[..., Any],
) -> None:
    with OpenAIServer([Say(REPLY), Say(REPLY), Fail(400), Cut("The str")]) as model:
        async with serving(llm_base_url=model.base_url) as served:
            client = await served.caller("write")
            await served.hold(client, hunter2=TEXT)
            for _ in range(2):
                await client.post("/v1/ask", json=QUESTION)
            chat = {"model": "alir", "messages": [{"role": "user", "content": "What divides?"}]}
            await client.post("/v1/chat/completions", json=chat)
            await client.post("/v1/ask", json=QUESTION)
            await asyncio.gather(*(client.get("/v1/sources/hunter2") for _ in range(4)))
            await client.request("PROPFIND", "/hunter2")
            await client.get("/hunter2", headers={"Authorization": "Bearer hunter2"})
            await client.put("/v1/ask")
            for _ in range(600):
                served.service.rate_limiter.count_request("hunter2")
            with pytest.raises(ProblemException):
                served.service.rate_limiter.count_request("hunter2")
            told = await told_to(client)

    found = [(told(name, **labels), name, labels) for _, name, labels in EXPECTED]
    assert found == EXPECTED
    assert [name for name in POSITIVE if told(name) <= 0] == []
    # What came from outside is nowhere.
    assert "hunter2" not in str(told.samples).lower()
    assert "Makassar" not in str(told.samples)
    assert told.values("method") == {"GET", "POST", "PUT", "other"}


class Failing(HashEmbedding):
    """Has no vectors for questions."""

    async def _aget_query_embedding(self, query: str) -> list[float]:
        raise RuntimeError(query)


async def test_errors_of_milvus_and_of_the_embedding_are_counted(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.hold(served.client, strait=TEXT)
    served.alir.vector_store.connection.failures["MilvusUnavailable"] += 2
    monkeypatch.setattr(HashEmbedding, "_aget_query_embedding", Failing._aget_query_embedding)
    await served.client.post("/v1/ask", json=QUESTION)
    monkeypatch.undo()
    told = await told_to(served.client)

    assert told("alir_milvus_errors_total", kind="MilvusUnavailable") == 2
    assert told("alir_errors_total", part="embedding", kind="RuntimeError") == 1
    assert told("alir_errors_total", part="ask", kind="RuntimeError") == 1
    assert MilvusUnavailable.__name__ in told.values("kind")


async def test_metrics_need_a_key_without_a_tenant_and_may_be_openmetrics(served: Any) -> None:
    admin, tenant = await served.caller("read"), await served.caller("admin", "acme")
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answers = [await one.get("/metrics", headers=accept) for one in (admin, tenant, served.client)]

    assert [one.status_code for one in answers] == [200, 403, 401]
    assert answers[0].headers["content-type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    names = {family.name for family in openmetrics_families(answers[0].text)}
    assert {"alir_http_request_duration_seconds", "alir_event_loop_lag_seconds"} <= names
    assert "alir_" not in answers[1].text


async def test_two_services_in_one_process_count_their_own(serving: Callable[..., Any]) -> None:
    async with serving() as one, serving(collection="another") as other:
        await other.hold(other.client, strait=TEXT)
        await other.client.post("/v1/ask", json=QUESTION)
        told = [await told_to(served.client) for served in (one, other)]

    assert [one("alir_runs_total", workflow="ask") for one in told] == [0, 1]
