"""Load: files to text, a bounded amount of it at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alir import formats
from alir.errors import UnreadableFile
from alir.models import Failure, FilePart, LoadedPart


@dataclass(frozen=True, slots=True)
class Load:
    """What was loaded, and what was not."""

    loaded: list[LoadedPart] = field(default_factory=list)
    untouched: list[FilePart] = field(default_factory=list)
    """Parts beyond the budget."""
    failures: list[Failure] = field(default_factory=list)


def load(parts: Sequence[FilePart], *, budget_chars: int) -> Load:
    """Read `parts`, in order, until about `budget_chars` characters of text.

    A file that cannot be read fails alone. Blocks; call it off the event loop.
    """
    load = Load()
    left = budget_chars
    for part in parts:
        # With little left, a part would end in the middle of a word.
        if left < budget_chars / 10:
            load.untouched.append(part)
            continue
        try:
            reading = formats.read(part.path, part.cursor, budget_chars=left)
        except UnreadableFile as error:
            load.failures.append(Failure(part, error.reason))
            continue
        left -= sum(len(segment.text) for segment in reading.segments)
        load.loaded.append(LoadedPart(part, reading.segments, reading.next))
    return load
