"""The errors of pymilvus and gRPC, as the errors of alir."""

import grpc
import pytest
from pymilvus.client.types import Status
from pymilvus.exceptions import MilvusException

from alir.errors import (
    AccessRefused,
    AlirError,
    MilvusFailed,
    MilvusTimeout,
    MilvusUnavailable,
)
from alir.milvus.client.errors import sentence_of, translate_error
from alir.models.secret_url import SecretUrl


def of_grpc(code: grpc.StatusCode) -> grpc.RpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="why")


def caused_by(cause: BaseException) -> MilvusException:
    """Return the error as pymilvus wraps it; it raises `error from error`."""
    error = MilvusException(message="wrapped")
    error.__cause__ = error
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (of_grpc(grpc.StatusCode.UNAUTHENTICATED), AccessRefused),
        (of_grpc(grpc.StatusCode.UNAVAILABLE), MilvusUnavailable),
        (of_grpc(grpc.StatusCode.DEADLINE_EXCEEDED), MilvusTimeout),
        (TimeoutError(), MilvusTimeout),
        (caused_by(of_grpc(grpc.StatusCode.UNAVAILABLE)), MilvusUnavailable),
        (caused_by(TimeoutError()), MilvusTimeout),
        (MilvusException(Status.CONNECT_FAILED, "lost"), MilvusUnavailable),
        (MilvusException(100, "collection not found"), MilvusFailed),
    ],
)
def test_an_error_is_named_by_what_happened(error: Exception, kind: type[AlirError]) -> None:
    assert (
        type(translate_error(error, "query", address=SecretUrl("milvus.db"), timeout_s=3)) is kind
    )


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (of_grpc(grpc.StatusCode.RESOURCE_EXHAUSTED), True),
        (MilvusException(8, "rate limit exceeded"), True),
        (MilvusException(2000, "Mmap manager has not been init."), True),
        (MilvusException(1100, "invalid parameter"), False),
        (of_grpc(grpc.StatusCode.INTERNAL), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, retryable: bool) -> None:
    failed = translate_error(error, "query", address=SecretUrl("milvus.db"), timeout_s=3)

    assert isinstance(failed, MilvusFailed)
    assert failed.retryable is retryable


def test_a_message_is_cut_to_its_first_line() -> None:
    assert sentence_of(MilvusException(1, "It broke.\nstack")) == "It broke"
    assert sentence_of(ValueError()) == "ValueError"
