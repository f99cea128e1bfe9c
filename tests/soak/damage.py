"""Damage a collection on Milvus Lite as no run of alir's would: for `alir verify --repair`."""

from random import Random

from tests.soak.mirror import lite_client


def damage(uri: str, collection: str, random: Random) -> None:
    """Delete some rows, write one once more, and one of a file that never was. Blocks."""
    with lite_client(uri) as client:
        client.load_collection(collection)
        rows = client.query(
            collection,
            filter='id > ""',
            output_fields=["*"],
            limit=1000,
            consistency_level="Strong",
        )
        *lost, doubled, strange = random.sample(rows, 5)
        client.delete(collection, ids=[row["id"] for row in lost])
        client.insert(collection, [doubled])
        never = {"id": f"{strange['id']}0", "file_path": f"{strange['file_path']}.never"}
        client.insert(collection, [{**strange, **never}])
