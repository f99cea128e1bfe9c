"""LlamaIndex behind HTTP, as one writes it in an afternoon: the bare side of `bench load`."""

from contextlib import suppress
from typing import Any

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser.interface import NodeParser
from llama_index.vector_stores.milvus import MilvusVectorStore
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.ask.askers import InstantLLM


def bare(
    store: MilvusVectorStore, embedding: BaseEmbedding, parser: NodeParser, *, top_k: int
) -> Starlette:
    """Return an application that answers at `/v1/ask`, and ingests a text sent to `/ingest`."""
    index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
    engine = index.as_query_engine(use_async=True, llm=InstantLLM(), similarity_top_k=top_k)
    pipeline = IngestionPipeline(transformations=[parser, embedding], vector_store=store)

    async def ask(request: Request) -> Response:
        response: Any = await engine.aquery((await request.json())["question"])
        passages = [found.node.get_content() for found in response.source_nodes]
        return JSONResponse({"text": str(response), "sources": passages})

    async def ingest(request: Request) -> Response:
        document = Document(text=(await request.json())["text"])
        nodes = await pipeline.arun(documents=[document])
        return JSONResponse({"chunks": len(nodes)})

    return Starlette(
        routes=[
            Route("/v1/ask", ask, methods=["POST"]),
            Route("/ingest", ingest, methods=["POST"]),
        ]
    )


async def close(store: MilvusVectorStore) -> None:
    """Close both of its clients."""
    with suppress(Exception):
        if store.aclient is not None:
            await store.aclient.close()
    store.client.close()
