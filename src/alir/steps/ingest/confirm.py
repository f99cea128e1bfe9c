"""Confirm: what was read is what the file's version says it is."""

from dataclasses import replace

from alir.errors import UnreadableFile
from alir.models.files import Failure, FilePart
from alir.steps.ingest.compare import is_unchanged
from alir.steps.ingest.load import LoadResult

_CHANGED = "changed while it was read; the next run reads it again"


def confirm(read: LoadResult) -> LoadResult:
    """Fail the files that were written to since their version was made.

    Their text may be of no version the file ever had, and would be kept under a version it is not
    of. Looks once a file, when its end was read. Blocks; call it off the event loop.
    """
    loaded, failures = [], list(read.failures)
    for one in read.loaded:
        if one.next is None and (reason := _change(one.part)):
            failures.append(Failure(one.part, reason))
        else:
            loaded.append(one)
    return replace(read, loaded=loaded, failures=failures)


def _change(part: FilePart) -> str:
    """Why the file is not what it was; empty if it is, or if nobody looked then."""
    if not part.content.hash:
        return ""
    try:
        same = is_unchanged(part.path, part.content)
    except UnreadableFile as error:
        return error.reason
    return "" if same else _CHANGED
