"""Load: read the text of files, a bounded amount at a time."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alir.errors import UnreadableFile
from alir.models.files import Failure, FileLimits, FilePart, LoadedPart
from alir.models.reading import Reading
from alir.ports import ReadDocument
from alir.steps.ingest.open_file import OpenFolders, open_file
from alir.steps.ingest.read_file import check_unchanged


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The parts that were loaded, and those that were not."""

    loaded: list[LoadedPart] = field(default_factory=list)
    untouched: list[FilePart] = field(default_factory=list)
    """Parts beyond the budget."""
    failures: list[Failure] = field(default_factory=list)


def load(
    parts: Sequence[FilePart],
    *,
    budget_chars: int,
    read: ReadDocument,
    limits: FileLimits = FileLimits(),  # noqa: B008  frozen
    check: Callable[[], None] = lambda: None,
) -> LoadResult:
    """Read `parts`, in order, until about `budget_chars` characters of text.

    A file that cannot be read fails alone, and so does one that changed since its version was made:
    its text may be of no version that the file ever had. Blocks; call it off the event loop.

    Args:
        check: called often; may end it by raising.
    """
    result = LoadResult()
    left = budget_chars
    with OpenFolders() as folders:
        for number, part in enumerate(parts):
            # With little left, a part would end in the middle of a word.
            if left < budget_chars / 10:
                result.untouched.extend(parts[number:])
                break
            check()
            try:
                reading = _read(part, left, folders, read=read, limits=limits, check=check)
            except UnreadableFile as error:
                result.failures.append(Failure(part, error.reason))
            else:
                left -= sum(len(segment.text) for segment in reading.segments)
                result.loaded.append(LoadedPart(part, reading.segments, reading.next))
    return result


def _read(
    part: FilePart,
    budget_chars: int,
    folders: OpenFolders,
    *,
    read: ReadDocument,
    limits: FileLimits,
    check: Callable[[], None],
) -> Reading:
    if too_many := limits.too_many(part.chunks):
        raise UnreadableFile(part.path, too_many)
    with open_file(part.path, folders) as descriptor:
        before = os.fstat(descriptor)
        reading = read(part.path, part.cursor, budget_chars=budget_chars, descriptor=descriptor)
        if part.content.hash:
            check_unchanged(
                part.path,
                descriptor,
                before,
                part.content,
                is_end=reading.next is None,
                limits=limits,
                check=check,
            )
    return reading
