"""Verify: what the store acknowledged is read back before anything rests on it."""

from collections import Counter
from collections.abc import Mapping

from alir.ports import ShardCatalog


async def verify(written: Mapping[str, str], *, catalog: ShardCatalog) -> dict[str, str]:
    """Return source id to reason of the files of which an acknowledged chunk is not there.

    Args:
        written: chunk id to source id.
    """
    if not written:
        return {}
    held = await catalog.existing_chunks(list(written))
    lost = Counter(source for chunk, source in written.items() if chunk not in held)
    return {
        source: f"{_chunks(count)} acknowledged and not there" for source, count in lost.items()
    }


def _chunks(count: int) -> str:
    return "a chunk was" if count == 1 else f"{count} chunks were"
