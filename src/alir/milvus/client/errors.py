"""The errors of pymilvus and gRPC, as the errors of alir."""

import grpc
from pymilvus.client.types import Status
from pymilvus.exceptions import ErrorCode, MilvusException
from pymilvus.grpc_gen import common_pb2

from alir.errors import (
    AccessRefused,
    AlirError,
    MilvusFailed,
    MilvusTimeout,
    MilvusUnavailable,
)
from alir.models.secret_url import SecretUrl

PASSING = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED}
PASSING_ANSWERS = {ErrorCode.RATE_LIMIT, 4, 101, 103, 203, 401, 503, 901, 902, 903}
"""Milvus's codes of a server that is busy, or that was just started and still loads (101: seen for
a second after each restart of 2.3.5); the numbers are those of its `pkg/util/merr`."""
LITE_STARTS = "has not been init"
"""In the message of a Milvus Lite that was asked for a collection while it still started."""


def translate_error(
    error: BaseException, operation: str, *, address: SecretUrl, timeout_s: float
) -> AlirError:
    """Return the error of alir that an error of pymilvus or gRPC stands for."""
    uri, chain = str(address), _chain(error)
    codes = {one.code() for one in chain if isinstance(one, grpc.RpcError)}
    if grpc.StatusCode.UNAUTHENTICATED in codes:
        return AccessRefused(f"Milvus at {uri}", "ALIR_MILVUS_TOKEN")
    timed_out = any(isinstance(one, TimeoutError) for one in chain)
    if timed_out or grpc.StatusCode.DEADLINE_EXCEEDED in codes:
        return MilvusTimeout(uri, timeout_s)
    not_connected = getattr(error, "code", None) == Status.CONNECT_FAILED
    if not_connected or grpc.StatusCode.UNAVAILABLE in codes:
        return MilvusUnavailable(uri)
    return MilvusFailed(
        uri,
        operation,
        address.redact(sentence_of(error)),
        retryable=bool(codes & PASSING) or _may_pass(error),
    )


def _may_pass(error: BaseException) -> bool:
    if not isinstance(error, MilvusException):
        return False
    if error.code in PASSING_ANSWERS or error.compatible_code == common_pb2.NotReadyServe:
        return True
    return LITE_STARTS in str(error.message)


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error, its cause, and so on; pymilvus raises `e from e`, which is a loop."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        cause = current.__cause__ if current.__cause__ is not current else None
        current = cause or current.__context__
    return chain


def sentence_of(error: BaseException) -> str:
    """Return the first line of an error's message, without its full stop."""
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    return str(message).strip().splitlines()[0].rstrip(".")
