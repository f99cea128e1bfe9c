"""Load: files to text, a bounded amount of it at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alir.errors import UnreadableFile
from alir.models.files import Failure, FilePart, LoadedPart
from alir.models.reading import DocumentPosition
from alir.ports import ReadGroup


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
