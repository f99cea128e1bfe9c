"""Read: the passages' chunks once more, and whether they are still what the index holds.

While a file is brought up to date the store holds chunks of two versions of it. A version can be
live from the moment its head, the first chunk, is written, until it is deleted, the head first. Of
two that can be, the one with the higher generation is. Each chunk has its version and its
generation, from which the id of its head follows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from alir.models.files import FileVersion, head_id


@dataclass(frozen=True, slots=True)
class PassagesReadAgain:
    """The passages' chunks, as they are now."""

    texts: dict[str, str]
    """By chunk id; a vanished one is left out."""
    stale: frozenset[FileVersion]
    """Those that are not live: not yet, or no more."""


async def read(
    passages: Sequence[NodeWithScore],
    *,
    vector_store: BasePydanticVectorStore,
    excluded: Collection[FileVersion] = (),
) -> PassagesReadAgain:
    """Read the chunks of `passages` and the heads of their files, all in one call.

    A passage without a generation was not ingested by alir, and counts as live.

    Args:
        excluded: versions the passages were searched without; they are looked at, too.
    """
    nodes = [passage.node for passage in passages]
    versions = {version for node in nodes if (version := version_of(node))} | {*excluded}
    heads = {one: head_id(one.source_id, one.generation) for one in versions}
    wanted = {node.node_id for node in nodes}.union(heads.values())
    if not wanted:
        return PassagesReadAgain({}, frozenset())
    found = {node.node_id: node for node in await vector_store.aget_nodes(node_ids=[*wanted])}
    texts = {
        node.node_id: found[node.node_id].get_content(metadata_mode=MetadataMode.NONE)
        for node in nodes
        if node.node_id in found
    }
    complete = [one for one, id_ in heads.items() if _is_head_of(one, found.get(id_))]
    newest: dict[str, int] = {}
    for one in complete:
        newest[one.source_id] = max(one.generation, newest.get(one.source_id, 0))
    stale = versions - {one for one in complete if one.generation == newest[one.source_id]}
    return PassagesReadAgain(texts, frozenset(stale))


def live(passages: Sequence[NodeWithScore], stale: Collection[FileVersion]) -> list[NodeWithScore]:
    """Return those of `passages` that are of no `stale` version."""
    return [passage for passage in passages if version_of(passage.node) not in stale]


def version_of(node: BaseNode) -> FileVersion | None:
    """Return the version of a file that `node` is a chunk of; None if alir did not ingest it."""
    metadata = node.metadata
    if "generation" not in metadata or "version" not in metadata:
        return None
    return FileVersion(node.ref_doc_id or "", str(metadata["version"]), int(metadata["generation"]))


def _is_head_of(one: FileVersion, head: BaseNode | None) -> bool:
    return head is not None and head.metadata.get("version") == one.version
