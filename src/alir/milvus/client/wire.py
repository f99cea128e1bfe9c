"""The wire format of writes and searches, without pymilvus's work for every single value.

To write, pymilvus loops over each character of each string and turns each vector into a list; to
read, it wraps each hit and each field of it. What it does besides, the timestamp that lets a
session read its own writes, is done here by the same function. This is the only module that reaches
below `AsyncMilvusClient`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, Literal, NoReturn

import orjson
from grpc import ChannelConnectivity
from pymilvus import AsyncMilvusClient, DataType
from pymilvus.client.entity_helper import pack_field_value_to_field_data
from pymilvus.client.prepare import Prepare
from pymilvus.client.search_result import SearchResult
from pymilvus.client.ts_utils import construct_guarantee_ts, update_collection_ts
from pymilvus.client.types import IndexState, Status
from pymilvus.client.utils import check_status
from pymilvus.exceptions import MilvusException
from pymilvus.grpc_gen import milvus_pb2, schema_pb2

from alir.milvus.rows import DYNAMIC_FIELD, Row

Operation = Literal["insert", "upsert"]
Fields = Mapping[str, Mapping[str, Any]]
"""The fields a writer gives values of, by name, as `describe_collection` returns them."""
Hit = dict[str, Any]
"""`id`, `distance`, and `entity`: the fields that were asked for."""


async def connect(client: AsyncMilvusClient) -> None:
    """Connect `client`, which then raises each error at once."""
    handler = await client._get_connection()
    # pymilvus asks this before it makes a failed call again, for up to the call's timeout, inserts
    # too; it would also close the connection under the other calls.
    handler._on_rpc_error = _raise
    # pymilvus first looks after half a second; an index of an empty collection is made at once.
    handler.wait_for_creating_index = partial(index_made, handler)


async def reached(client: AsyncMilvusClient) -> None:
    """Return once the connection stands; what fails here was certainly not sent.

    Raises:
        MilvusException: nothing answers.
    """
    channel = (await client._get_connection())._async_channel
    while (state := channel.get_state(try_to_connect=True)) is not ChannelConnectivity.READY:
        if state in {ChannelConnectivity.TRANSIENT_FAILURE, ChannelConnectivity.SHUTDOWN}:
            raise MilvusException(Status.CONNECT_FAILED, "The connection is lost")
        await channel.wait_for_state_change(state)


async def _raise(error: Exception) -> NoReturn:
    raise error


async def index_made(handler: Any, **asked: Any) -> tuple[bool, str]:
    """Wait until an index is made; return whether it was, and why not."""
    timestamp = await handler.alloc_timestamp()
    pause_s = 0.01
    while True:
        state, reason = await handler.get_index_state(timestamp=timestamp, **asked)
        if state in {IndexState.Finished, IndexState.Failed}:
            return state == IndexState.Finished, reason
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.5)


async def write(
    client: AsyncMilvusClient,
    operation: Operation,
    collection: str,
    rows: Sequence[Row],
    *,
    fields: Fields,
    partition: str | None,
    timeout_s: float,
) -> None:
    """Insert or upsert `rows` in one request; all of them are written, or none."""
    handler = await client._get_connection()
    context = client._generate_call_context()
    request = _request(operation, collection, rows, fields=fields, partition=partition)
    await _send(handler, operation, request, timeout=timeout_s, context=context)


async def search(
    client: AsyncMilvusClient,
    collection: str,
    *,
    sought: Sequence[Any],
    timeout_s: float,
    consistency_level: str,
    **options: Any,
) -> list[list[Hit]]:
    """Return the hits, best first, of each of `sought`: (dim,) vectors or texts.

    Args:
        options: of pymilvus's search request: anns_field, param, expr, limit, output_fields.
    """
    handler = await client._get_connection()
    context = client._generate_call_context()
    consistency: dict[str, Any] = {"consistency_level": consistency_level}
    construct_guarantee_ts(collection, consistency, handler.server_address, context.get_db_name())
    request = Prepare.search_requests_with_expr(
        collection_name=collection,
        data=sought,
        use_default_consistency=False,
        **options,
        **consistency,
    )
    return _hits(await _search(handler, request, timeout=timeout_s, context=context))


async def _search(handler: Any, request: Any, *, timeout: float, context: Any) -> Any:
    response = await handler._async_stub.Search(
        request, timeout=timeout, metadata=context.to_grpc_metadata()
    )
    check_status(response.status)
    return response.results


def _hits(results: Any) -> list[list[Hit]]:
    """Cut the columns of a response into hits, a list for each vector that was sought."""
    if any(_needs_pymilvus(column) for column in results.fields_data):
        return [[dict(hit) for hit in hits] for hits in SearchResult(results)]
    entities: list[dict[str, Any]] = [{} for _ in results.scores]
    for column in results.fields_data:
        if column.is_dynamic:
            # All of it travels, whatever was asked for.
            for entity, encoded in zip(entities, column.scalars.json_data.data, strict=True):
                values = orjson.loads(encoded)
                entity |= {name: values[name] for name in results.output_fields if name in values}
        else:
            name = column.field_name
            for entity, text in zip(entities, column.scalars.string_data.data, strict=True):
                entity[name] = text
    ids = results.ids.str_id.data
    found = [
        {"id": one, "distance": score, "entity": entity}
        for one, score, entity in zip(ids, results.scores, entities, strict=True)
    ]
    ends = list(accumulate(results.topks, initial=0))
    return [found[start:end] for start, end in pairwise(ends)]


def _needs_pymilvus(column: Any) -> bool:
    """Whether a column holds more than plain strings or the dynamic field."""
    plain = column.is_dynamic or column.type == DataType.VARCHAR
    return not plain or len(column.valid_data) > 0


async def _send(
    handler: Any, operation: Operation, request: Any, *, timeout: float, context: Any
) -> None:
    stub = handler._async_stub
    method = stub.Insert if operation == "insert" else stub.Upsert
    response = await method(request, timeout=timeout, metadata=context.to_grpc_metadata())
    check_status(response.status)
    update_collection_ts(
        request.collection_name,
        response.timestamp,
        handler.server_address,
        context.get_db_name(),
    )


def _request(
    operation: Operation,
    collection: str,
    rows: Sequence[Row],
    *,
    fields: Fields,
    partition: str | None,
) -> Any:
    make = milvus_pb2.InsertRequest if operation == "insert" else milvus_pb2.UpsertRequest
    columns = [_column(name, about, rows) for name, about in fields.items()]
    dynamic = schema_pb2.FieldData(field_name=DYNAMIC_FIELD, is_dynamic=True, type=DataType.JSON)
    dynamic.scalars.json_data.data.extend(row.dynamic for row in rows)
    return make(
        collection_name=collection,
        partition_name=partition or "",
        num_rows=len(rows),
        fields_data=[*columns, dynamic],
    )


def _column(name: str, about: Mapping[str, Any], rows: Sequence[Row]) -> Any:
    kind = about["type"]
    column = schema_pb2.FieldData(field_name=name, type=kind)
    if kind == DataType.FLOAT_VECTOR:
        column.vectors.dim = int(about["params"]["dim"])
        # Packed floats are their bytes behind a length, and so is a message's only field.
        packed = b"".join(row.embedding for row in rows)
        column.vectors.float_vector.MergeFromString(b"\x0a" + _varint(len(packed)) + packed)
        return column
    values = [row.columns.get(name) for row in rows]
    if kind == DataType.VARCHAR and None not in values:
        column.scalars.string_data.data.extend(values)
        return column
    optional = about.get("nullable") or about.get("default_value")
    for value in values:
        if optional:
            column.valid_data.append(value is not None)
        pack_field_value_to_field_data(value, column, about, {})
    return column


def _varint(number: int) -> bytes:
    """Encode a length as protobuf does: https://protobuf.dev/programming-guides/encoding."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
