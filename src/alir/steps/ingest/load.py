"""Load: files to text, a bounded amount of it at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from alir.errors import UnreadableFile
from alir.models.files import Failure, FilePart, LoadedPart
from alir.models.reading import DocumentPosition
from alir.ports import ReadGroup
from alir.steps.ingest.compare import is_unchanged


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was loaded, and what was not."""

    loaded: list[LoadedPart] = field(default_factory=list)
    untouched: list[FilePart] = field(default_factory=list)
    """Parts beyond the budget."""
    failures: list[Failure] = field(default_factory=list)


def load(parts: Sequence[FilePart], *, budget_chars: int, read: ReadGroup) -> LoadResult:
    """Read `parts`, in order, until about `budget_chars` characters of text.

    A file that cannot be read fails alone. Blocks; call it off the event loop.
    """
    load = LoadResult()
    places = [DocumentPosition(part.path, part.cursor) for part in parts]
    answered = 0
    for part, reading in zip(parts, read(places, budget_chars=budget_chars), strict=False):
        answered += 1
        if isinstance(reading, UnreadableFile):
            load.failures.append(Failure(part, reading.reason))
        else:
            load.loaded.append(LoadedPart(part, reading.segments, reading.next))
    load.untouched.extend(parts[answered:])
    return load


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
