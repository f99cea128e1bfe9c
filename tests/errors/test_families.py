"""Which errors pass: acknowledged work is tried again after them."""

import errno
from pathlib import Path

import pytest

from alir import errors
from alir.errors import AlirError
from tests.test_errors import SPOKEN

# Work that was acknowledged fails for good with these, which it alone can meet; the others pass, or
# wait for the operator.
FINAL = {
    *("PathNotFound", "NothingToIngest", "TooManyDeletions", "NothingToRebuild"),
    *("RebuildIncomplete", "NothingKept", "EmptyQuestion", "InvalidTopK", "NothingIngested"),
    *("UnreadableFile", "PictureUnwritable", "InvalidDataset", "InvalidFilter", "InvalidKey"),
    *("InvalidQuery", "NodeRefused", "MilvusFailed", "ReplyCut"),
}


@pytest.mark.parametrize(("error", "_", "__"), SPOKEN, ids=lambda v: type(v).__name__)
def test_each_error_says_whether_acknowledged_work_has_failed_with_it(
    error: AlirError, _: str, __: str
) -> None:
    assert error.is_final is (type(error).__name__ in FINAL)
    assert errors.passes(error) is not error.is_final


def test_a_want_of_what_the_system_lends_passes_and_a_defect_does_not() -> None:
    def raised(cause: BaseException) -> BaseException:
        try:
            try:
                raise cause
            except type(cause) as error:
                raise errors.UnreadableFile(Path("/a.txt"), "cannot be read") from error
        except errors.UnreadableFile as error:
            return error

    wants = [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("can't start new thread"),
        MemoryError(),
    ]
    defects = [OSError(errno.EACCES, "Permission denied"), RuntimeError("x"), KeyError("x")]

    assert all(errors.passes(one) and errors.passes(raised(one)) for one in wants)
    assert not any(errors.passes(one) or errors.passes(raised(one)) for one in defects)
