"""The limit: requests built beforehand, sent by pymilvus's gRPC stub; only wire and server work.

Everything a client does before a request (nodes to rows, rows to columns) is done outside the
timer, and what comes back is not turned into nodes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import VectorStoreQuery
from llama_index.core.vector_stores.utils import node_to_metadata_dict
from pymilvus import AsyncMilvusClient
from pymilvus.client import ts_utils
from pymilvus.client.prepare import Prepare

from benchmarks.measure import WrongResult
from benchmarks.store.bed import METRIC

ROWS_PER_INSERT = 250


@dataclass(frozen=True, slots=True)
class Chunking:
    """How many queries one request holds, and how many requests are under way at once."""

    queries: int
    in_flight: int

    def __str__(self) -> str:
        return f"{self.queries} queries a request, {self.in_flight} in flight"


async def insert_requests(
    client: AsyncMilvusClient, collection: str, nodes: Sequence[BaseNode]
) -> list[Any]:
    """Return InsertRequests of the rows `MilvusVectorStore` makes of `nodes`."""
    handler = await client._get_connection()
    schema, timestamp = await handler._get_schema(collection)
    rows = [
        {
            **node_to_metadata_dict(node, remove_text=True),
            "text": node.get_content(MetadataMode.NONE),
            "id": node.node_id,
            "embedding": node.embedding,
        }
        for node in nodes
    ]
    return [
        Prepare.row_insert_param(
            collection,
            rows[start : start + ROWS_PER_INSERT],
            "",
            schema["fields"],
            schema_timestamp=timestamp,
            enable_dynamic=True,
        )
        for start in range(0, len(rows), ROWS_PER_INSERT)
    ]


async def insert(client: AsyncMilvusClient, requests: Sequence[Any]) -> None:
    """Send all InsertRequests at once."""
    stub = (await client._get_connection())._async_stub
    for answer in await asyncio.gather(*(stub.Insert(request) for request in requests)):
        _check(answer.status)


async def search_requests(
    client: AsyncMilvusClient,
    collection: str,
    queries: Sequence[VectorStoreQuery],
    chunking: Chunking,
    consistency_level: str,
) -> list[Any]:
    """Return SearchRequests for a node's text and its content, many queries in each."""
    address = (await client._get_connection()).server_address
    made = []
    for start in range(0, len(queries), chunking.queries):
        some = queries[start : start + chunking.queries]
        consistency: dict[str, Any] = {"consistency_level": consistency_level}
        ts_utils.construct_guarantee_ts(collection, consistency, address)
        request = Prepare.search_requests_with_expr(
            collection,
            "embedding",
            {"metric_type": METRIC, "params": {}},
            some[0].similarity_top_k,
            data=[query.query_embedding for query in some],
            output_fields=["text", "_node_content"],
            use_default_consistency=False,
            **consistency,
        )
        made.append(request)
    return made


async def search(
    client: AsyncMilvusClient, requests: Sequence[Any], chunking: Chunking
) -> list[list[str]]:
    """Send SearchRequests, some at once; return the found ids of every query, best first."""
    stub = (await client._get_connection())._async_stub
    slots = asyncio.Semaphore(chunking.in_flight)

    async def send(request: Any) -> Any:
        async with slots:
            return await stub.Search(request)

    answers = await asyncio.gather(*(send(request) for request in requests))
    found = []
    for answer in answers:
        _check(answer.status)
        start = 0
        for count in answer.results.topks:
            found.append(list(answer.results.ids.str_id.data[start : start + count]))
            start += count
    return found


def _check(status: Any) -> None:
    if status.code or status.error_code:
        raise WrongResult(f"Milvus refused a request: {status.reason}")
