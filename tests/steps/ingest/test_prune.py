"""Prune: of what an earlier attempt left in a new index, only what is wanted and whole stays."""

from pathlib import Path
from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import source_id
from alir.steps.ingest.prune import prune


def chunks(name: str, generation: int, *, is_complete: bool = True) -> list[TextNode]:
    """Two chunks, the first of which is the head; only the second of a version half written."""
    path = Path("/docs", name)
    metadata = {"file_path": str(path), "version": f"v{generation}", "generation": generation}
    return [
        TextNode(
            id_=f"{name}-{generation}-{index}",
            metadata=metadata | ({"chunk_count": 2} if index == 0 else {}),
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source_id(path))},
        )
        for index in ((0, 1) if is_complete else (1,))
    ]


async def test_only_whole_newest_versions_of_wanted_files_stay(store: Any, catalog: Any) -> None:
    store.add(chunks("a", 3) + chunks("a", 4) + chunks("gone", 0))
    store.add(chunks("b", 0) + chunks("b", 7, is_complete=False))
    wanted = {source_id(Path("/docs", name)) for name in ("a", "b")}

    await prune(wanted, catalog=catalog, vector_store=store)

    assert {*store.nodes} == {"a-4-0", "a-4-1", "b-0-0", "b-0-1"}


async def test_of_an_index_that_is_whole_nothing_goes(store: Any, catalog: Any) -> None:
    store.add(chunks("a", 3))
    store.log.clear()
    await prune({source_id(Path("/docs/a"))}, catalog=catalog, vector_store=store)
    assert store.log == []
