"""The tutorial "RAG with Milvus and LlamaIndex Async API", in its order, with alir.

    python examples/tutorial.py                                # Milvus Lite, nothing to start
    python examples/tutorial.py --uri http://localhost:19530   # a server
    python examples/tutorial.py --store llama-index            # the same on LlamaIndex's own store

The two files are the tutorial's: an essay by Paul Graham, and Uber's annual report of 2021.
"""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core import Settings as LlamaSettings
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import Document, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery
from llama_index.vector_stores.milvus import MilvusVectorStore

from alir import Alir, AlirMilvusStore, Settings, Sources, Token
from alir.documents import formats

SEED = Path(__file__).resolve().parents[2] / "shared" / "data" / "seed"
FILES = [SEED / "paul_graham_essay.txt", SEED / "uber_2021.pdf"]
QUESTIONS = [
    "What did the author work on before college?",
    "What was Uber's revenue in 2021?",
]


def init_vector_store(
    args: argparse.Namespace, dim: int, collection: str, *, overwrite: bool = True
) -> BasePydanticVectorStore:
    """Open the vector store: the tutorial's options, whichever class.

    The tutorial asks for "Strong", which makes each search wait for the server's clock; "Session"
    reads what this process wrote.
    """
    store_class = AlirMilvusStore if args.store == "alir" else MilvusVectorStore
    return store_class(
        uri=args.uri,
        token=args.token,
        dim=dim,
        collection_name=collection,
        embedding_field="embedding",
        id_field="id",
        similarity_metric="COSINE",
        consistency_level="Session",
        overwrite=overwrite,
    )


def read_documents(files: list[Path]) -> list[Document]:
    """Read the files: a document a page for the PDF."""
    return [
        Document(
            text=segment.text,
            metadata={"file_name": file.name, "page_label": str(segment.page or 1)},
        )
        for file in files
        for segment in formats.read(file, budget_chars=sys.maxsize).segments
    ]


async def ask_llama_index(app: Alir, args: argparse.Namespace, dim: int) -> None:
    """Build an index with `use_async=True`, and ask it with `aquery`."""
    started = time.perf_counter()
    documents = read_documents(args.files)
    store = init_vector_store(args, dim, "tutorial")
    await asyncio.to_thread(
        VectorStoreIndex.from_documents,
        documents,
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=app.embedding,
        use_async=True,
    )
    # Opened again: LlamaIndex builds on an event loop of its own, and its store stays with that.
    store = init_vector_store(args, dim, "tutorial", overwrite=False)
    index = VectorStoreIndex.from_vector_store(store, embed_model=app.embedding)
    print(f"Indexed {len(documents)} documents in {time.perf_counter() - started:.1f} s")

    # Without a language model the text is a mock; the passages are real.
    LlamaSettings.llm = app.llm or MockLLM()
    engine = index.as_query_engine(
        use_async=True, response_mode="compact" if app.llm else "no_text"
    )
    responses = await asyncio.gather(*(engine.aquery(question) for question in QUESTIONS))
    for question, response in zip(QUESTIONS, responses, strict=True):
        best = response.source_nodes[0]
        where = f"{best.metadata['file_name']}, page {best.metadata['page_label']}"
        print(f"\n{question}\n  {response}\n  best passage ({where}): {best.text[:200]!r}")


async def ask_alir(app: Alir, files: list[Path]) -> None:
    """The same with alir's workflows: chunks that fit the model, citations that were checked."""
    report = await app.ingest.run(paths=files)
    print(f"\nalir: {report.files} files, {report.chunks} chunks, {report.seconds['total']:.1f} s")
    for question in QUESTIONS:
        print(f"\n{question}")
        handler = app.ask.run(question=question)
        async for event in handler.stream_events():
            if isinstance(event, Sources):
                print(f"  from {len(event.sources)} passages:")
            elif isinstance(event, Token):
                print(event.text, end="", flush=True)
        answer = await handler
        for number, citation in enumerate(answer.citations, start=1):
            page = f", page {citation.page}" if citation.page else ""
            print(f"\n  [{number}] {Path(citation.file).name}{page}", end="")
        print()


def produce_nodes(count: int, dim: int) -> list[TextNode]:
    """Make the tutorial's nodes: random vectors, each its own document."""
    return [
        TextNode(
            text=f"Random text {i}",
            embedding=[random.random() for _ in range(dim)],  # noqa: S311  not for secrets
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"document-{i}")},
        )
        for i in range(count)
    ]


async def async_add(store: BasePydanticVectorStore, nodes: list[TextNode]) -> None:
    """Add the nodes, one await each, all at once."""
    await asyncio.gather(*(store.async_add([node]) for node in nodes))


def sync_add(store: BasePydanticVectorStore, nodes: list[TextNode]) -> None:
    """Add the nodes one after the other."""
    for node in nodes:
        store.add([node])


def random_queries(count: int, dim: int) -> list[VectorStoreQuery]:
    """Make queries of random vectors."""
    return [
        VectorStoreQuery(
            query_embedding=[random.random() for _ in range(dim)],  # noqa: S311  not for secrets
            similarity_top_k=5,
        )
        for _ in range(count)
    ]


async def async_search(store: BasePydanticVectorStore, queries: list[VectorStoreQuery]) -> None:
    """Search for all queries at once."""
    await asyncio.gather(*(store.aquery(query) for query in queries))


def sync_search(store: BasePydanticVectorStore, queries: list[VectorStoreQuery]) -> None:
    """Search for one query after the other."""
    for query in queries:
        store.query(query)


async def low_level(args: argparse.Namespace, dim: int) -> None:
    """Compare the low-level calls, one after the other and at once."""
    print(f"\n{'nodes':>6} {'add sync':>10} {'add async':>10} {'search sync':>12} {'async':>8}")
    for count in args.counts:
        seconds = []
        for add_at_once in (False, True):
            store = init_vector_store(args, dim, f"tutorial_low_level_{int(add_at_once)}")
            nodes = produce_nodes(count, dim)
            started = time.perf_counter()
            if add_at_once:
                await async_add(store, nodes)
            else:
                await asyncio.to_thread(sync_add, store, nodes)
            seconds.append(time.perf_counter() - started)
        queries = random_queries(count, dim)
        started = time.perf_counter()
        await asyncio.to_thread(sync_search, store, queries)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        await async_search(store, queries)
        seconds.append(time.perf_counter() - started)
        add, add_async, search, search_async = seconds
        print(f"{count:>6} {add:>9.2f}s {add_async:>9.2f}s {search:>11.2f}s {search_async:>7.2f}s")
    print("One run, not interleaved: a picture, not a benchmark. Consistency level: Session.")


async def main(args: argparse.Namespace) -> None:
    """Run the tutorial from its beginning to its end."""
    async with Alir(
        Settings.load(milvus_uri=args.uri, milvus_token=args.token, collection="tutorial_alir")
    ) as app:
        dim = len(await app.embedding.aget_query_embedding("How many dimensions?"))
        await ask_llama_index(app, args, dim)
        await ask_alir(app, args.files)
        await low_level(args, dim)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--uri", help="a Milvus server; a Milvus Lite file of its own otherwise")
    parser.add_argument("--token", default="")
    parser.add_argument("--store", choices=["alir", "llama-index"], default="alir")
    parser.add_argument("--files", type=Path, nargs="+", default=FILES)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        arguments.uri = arguments.uri or str(Path(folder) / "tutorial.db")
        asyncio.run(main(arguments))
