"""Stores that are opened as the settings say."""

from pathlib import Path

from alir import Settings
from alir.milvus.store_factory import StoreFactory
from tests.milvus.nodes import fruit


async def test_a_reader_reads_what_a_store_wrote_without_its_vectors(lite_file: Path) -> None:
    settings = Settings.load(milvus_uri=str(lite_file), consistency_level="Strong", timeout_s=7)
    stores = StoreFactory(settings, "COSINE", 4, lambda: {"chunk_tokens": "100"})
    store, reader = stores.open_store("by_factory"), stores.open_reader("by_factory")
    await store.async_add(fruit())
    await store.async_add(fruit()[:1])

    assert await store.count() == 3, "a chunk with the same id replaces it"
    assert await store.live() == (
        "by_factory",
        {"chunk_tokens": "100", "metric": "COSINE", "dim": "4"},
    )
    assert (store.consistency_level, store.connection.timeout_s) == ("Strong", 7)
    index = await store.aclient.describe_index("by_factory", "embedding")
    assert index["index_type"] == "FLAT"
    assert [row["id"] async for row in reader.scan("", [])] == ["apple", "banana", "cherry"]
    await store.aclose()
    await reader.aclose()
