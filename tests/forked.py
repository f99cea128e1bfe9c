"""Work in a forked child: what it returned, or the error that it raised."""

import gc
import os
import pickle
import select
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

PATIENCE_S = 60.0
"""A child that takes longer counts as one that hangs."""


class ChildHangs(AssertionError):
    """A child did not end."""


class ChildFailed(AssertionError):
    """A child raised an error; its text is the traceback."""


def skip_where_another_channel_is_open() -> None:
    """Skip the test where one before it left a client of another library open."""
    gc.collect()  # most such clients are only forgotten
    pollers = [one for one in threading.enumerate() if "_poll_wrapper" in one.name]
    for one in pollers:
        one.join(1)
    if any(one.is_alive() for one in pollers):
        pytest.skip("a test before this one left a gRPC channel open, which no fork survives")


def in_child(work: Callable[[], Any], *, patience_s: float = PATIENCE_S) -> Any:
    """Fork, run `work` in the child and return its result, as pickle carries it.

    The child ends like one of `multiprocessing`: without what Python does at its exit.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        told: tuple[bool, Any]
        try:
            told = True, work()
        except BaseException:  # noqa: BLE001  the parent raises it
            told = False, traceback.format_exc()
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(told, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        if not select.select([pipe], [], [], patience_s)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise ChildHangs(f"no answer of {work} within {patience_s:g} s")
        # Not to its end: a child of the child may have the pipe as well.
        succeeded, result = pickle.load(pipe)  # noqa: S301  our own child's
    status = os.waitpid(child, 0)[1]
    assert os.waitstatus_to_exitcode(status) == 0, f"the child ended with {status}"
    if not succeeded:
        raise ChildFailed(result)
    return result
