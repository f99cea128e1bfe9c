"""The stand-ins of a dry run: they read what there is and leave it as it is."""

from pathlib import Path
from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

from alir.models.records import SourceRecord
from alir.steps.ingest.dry_run import DryRunCatalog, DryRunLedger, DryRunStore
from alir.storage.ledger import SqliteLedger


def record(name: str) -> SourceRecord:
    return SourceRecord(name, Path("/docs", name), 5, 7, "h", "v1", 2, "settled")


async def test_the_store_acknowledges_writes_and_holds_nothing() -> None:
    store = DryRunStore()

    assert await store.async_add([TextNode(id_="a", text="words")]) == ["a"]
    await store.adelete("a")
    await store.adelete_nodes(["a"])
    assert not store.query(VectorStoreQuery()).nodes


async def test_the_catalog_reads_and_takes_each_chunk_for_written(store: Any, catalog: Any) -> None:
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="file")}
    metadata: dict[str, Any] = {
        "file_path": "/f",
        "version": "v",
        "generation": 0,
        "chunk_count": 1,
    }
    metadata["text_hash"] = "h"
    store.add([TextNode(id_="a", metadata=metadata, relationships=source, embedding=[1.0])])
    dry = DryRunCatalog(catalog)

    assert await dry.live_versions(["file"]) == await catalog.live_versions(["file"]) != {}
    assert await dry.vectors_by_text({"h"}) == {"h": [1.0]}
    assert await dry.existing_chunks(["a", "never written"]) == {"a", "never written"}


async def test_the_ledger_reads_and_records_nothing(ledger: SqliteLedger) -> None:
    await ledger.record_sources([record("a")])
    dry = DryRunLedger(ledger)

    await dry.record_sources([record("b")])

    assert await dry.source_records(["a", "b"]) == {"a": record("a")}
