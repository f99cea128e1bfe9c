"""One side of `bench ingest`, in a process of its own: see `run`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, cast

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import BaseNode, MetadataMode

from alir.app.application import Alir
from alir.events.ingest import IngestReport
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.corpus import read
from benchmarks.process import children_peak_rss_mib, peak_rss_mib, watched_loop

FAKE_DIM = 384
WARM = "A short document before the clock starts: it loads the model and makes the collection."


async def run(
    side: str, files: list[str], model: str, *, fake: bool, cut_chars: int | None
) -> dict[str, Any]:
    """Ingest `files` and report `seconds`, `chunks`, `peak_rss_mib`, `milvus_peak_rss_mib`.

    Args:
        side: "alir", "from_documents", "pipeline", or "encode": only the model, on the chunks of
            the same files, all in one call.
        model: the embedding model, as in `ALIR_EMBED_MODEL`.
        fake: hash words instead of running the model.
        cut_chars: cut the text every so many characters instead of splitting at sentences.

    Every side embeds one text, and every store is opened and has its collection, before the clock
    starts. Reading and splitting the files is timed, except for "encode". The sides that run on
    this event loop report `max_stall_ms`, alir also `stages`: seconds by stage.
    """
    with TemporaryDirectory() as folder:
        settings = Settings.load(
            milvus_uri=str(Path(folder) / "ingest.db"), collection="ingest", embed_model=model
        )
        embedding = HashEmbedding(dim=FAKE_DIM) if fake else None
        async with Alir(settings, embedding=embedding) as app:
            if cut_chars:
                app.shard.node_parser = Cutter(chunk_chars=cut_chars)
            found = await _SIDES[side](app, [Path(file) for file in files], Path(folder))
            return {
                **found,
                "chunks_per_s": found["chunks"] / found["seconds"],
                "peak_rss_mib": peak_rss_mib(),
                "milvus_peak_rss_mib": children_peak_rss_mib(),
            }


class Cutter(NodeParser):
    """Cuts text every `chunk_chars` characters: a splitter that costs nothing."""

    chunk_chars: int

    def _parse_nodes(
        self, nodes: Sequence[BaseNode], show_progress: bool = False, **_: Any
    ) -> list[BaseNode]:
        from llama_index.core.node_parser.node_utils import build_nodes_from_splits  # noqa: PLC0415

        found: list[BaseNode] = []
        for node in nodes:
            text = node.get_content(MetadataMode.NONE)
            cut = [text[i : i + self.chunk_chars] for i in range(0, len(text), self.chunk_chars)]
            found += build_nodes_from_splits(cut, node)
        return found


async def _alir(app: Alir, files: list[Path], folder: Path) -> dict[str, Any]:
    warm = folder / "warm.txt"
    warm.write_text(WARM, encoding="utf-8")
    first = cast("IngestReport", await app.ingest.run(paths=[warm]))
    async with watched_loop() as stall:
        started = perf_counter()
        report = cast("IngestReport", await app.ingest.run(paths=files))
        seconds = perf_counter() - started
    stages = {stage: s for stage, s in report.seconds.items() if stage != "total"}
    return {
        "seconds": seconds,
        "chunks": report.chunks - first.chunks,
        "max_stall_ms": stall.longest_s * 1000,
        "stages": stages,
    }


async def _from_documents(app: Alir, files: list[Path], _: Path) -> dict[str, Any]:
    from llama_index.core import StorageContext, VectorStoreIndex  # noqa: PLC0415

    embedding, store = await _theirs(app)

    def ingest() -> None:
        VectorStoreIndex.from_documents(
            list(read(files)),
            storage_context=StorageContext.from_defaults(vector_store=store),
            transformations=[app.shard.node_parser],
            embed_model=embedding,
            use_async=True,
        )

    started = perf_counter()
    # It runs an event loop of its own; called on ours it would keep that busy to the end.
    await asyncio.to_thread(ingest)
    seconds = perf_counter() - started
    return {"seconds": seconds, "chunks": await _rows(app)}


async def _pipeline(app: Alir, files: list[Path], _: Path) -> dict[str, Any]:
    from llama_index.core.ingestion import IngestionPipeline  # noqa: PLC0415

    embedding, store = await _theirs(app)
    pipeline = IngestionPipeline(
        transformations=[app.shard.node_parser, embedding], vector_store=store
    )
    async with watched_loop() as stall:
        started = perf_counter()
        await pipeline.arun(documents=await asyncio.to_thread(lambda: list(read(files))))
        seconds = perf_counter() - started
    return {
        "seconds": seconds,
        "chunks": await _rows(app),
        "max_stall_ms": stall.longest_s * 1000,
    }


async def _encode(app: Alir, files: list[Path], _: Path) -> dict[str, Any]:
    nodes = app.shard.node_parser.get_nodes_from_documents(list(read(files)))
    texts = [node.get_content(MetadataMode.EMBED) for node in nodes]
    encode: Callable[[list[str]], Any]
    if isinstance(app.embedding, HashEmbedding):
        encode = app.embedding.get_text_embedding_batch
    else:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        encode = SentenceTransformer(_folder(app)).encode
    encode([WARM])
    started = perf_counter()
    encode(texts)
    return {"seconds": perf_counter() - started, "chunks": len(texts)}


_SIDES: dict[str, Callable[[Alir, list[Path], Path], Awaitable[dict[str, Any]]]] = {
    "alir": _alir,
    "from_documents": _from_documents,
    "pipeline": _pipeline,
    "encode": _encode,
}
SIDES = tuple(_SIDES)


async def _theirs(app: Alir) -> tuple[BaseEmbedding, Any]:
    """LlamaIndex's own embedding, of the same weights, and its store: both with its defaults."""
    from llama_index.vector_stores.milvus import MilvusVectorStore  # noqa: PLC0415

    embedding = app.embedding
    if not isinstance(embedding, HashEmbedding):
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding  # noqa: PLC0415

        embedding = HuggingFaceEmbedding(_folder(app))
    dim = len(await embedding.aget_text_embedding(WARM))
    store = MilvusVectorStore(
        app.settings.milvus_uri.get_secret_value(),
        collection_name=app.settings.collection,
        dim=dim,
        similarity_metric="COSINE",
    )
    return embedding, store


async def _rows(app: Alir) -> int:
    return await app.vector_store.count()


def _folder(app: Alir) -> str:
    from alir.inference.embeddings import find_model  # noqa: PLC0415

    return str(find_model(app.settings.embed_model).folder)
