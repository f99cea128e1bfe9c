"""Maximum marginal relevance (MMR) in the search by meaning, beside the search without it.

    python -m tests.evaluation.test_variety

prints the table of docs/quality.md: of five passages, as `alir ask` has them, what is left of each
measure where a passage also loses what it has in common with those before it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from llama_index.core.vector_stores.types import (
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from alir import Alir, Settings
from alir.evaluation.dataset import Dataset
from alir.evaluation.evaluate import MAIN, SEARCHES, ranking
from alir.evaluation.load import load
from alir.evaluation.metrics import Ranking, interval, score
from alir.milvus.store import AlirMilvusStore
from alir.workflows.search import SearchCorpus
from tests.shared_data import CRANFIELD, SEED

SEED_QUESTIONS = Path(__file__).parents[1] / "quality" / "seed.csv"
DEPTH = 5
THRESHOLDS = (None, 0.9, 0.7, 0.5)
"""Of MMR: 1 is relevance alone, 0 variety alone; LlamaIndex's is 0.5. None is no MMR."""
SHOWN = ("hit@1", "hit@5", "MRR", MAIN)


class Varied:
    """The vector store, which searches by meaning with MMR."""

    def __init__(self, store: AlirMilvusStore, threshold: float) -> None:
        self._store = store
        self._threshold = threshold

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def aquery(self, query: VectorStoreQuery, **options: Any) -> VectorStoreQueryResult:
        if query.mode == VectorStoreQueryMode.DEFAULT:
            mode = VectorStoreQueryMode.MMR
            query = replace(query, mode=mode, mmr_threshold=self._threshold)
        return await self._store.aquery(query, **options)


async def found(app: Alir, judged: Dataset, way: str, threshold: float | None) -> Ranking:
    search = app.search
    if threshold is not None:
        search = SearchCorpus(
            embedding=search.embedding,
            vector_store=Varied(app.vector_store, threshold),  # type: ignore[arg-type]
            catalog=search.catalog,
        )
    return await ranking(search, judged, SEARCHES[way], rerank=False, depth=DEPTH)


def settings_in(folder: Path) -> Settings:
    return Settings.load(milvus_uri=str(folder / "variety.db"), ledger=folder / "ledger")


@pytest.fixture
async def animals(beir: Any, tmp_path: Path) -> AsyncIterator[tuple[Alir, Dataset]]:
    documents = tmp_path / "documents"
    documents.mkdir()
    judged = load(beir(), folder=documents)
    async with Alir(settings_in(tmp_path)) as app:
        await app.ingest.run(paths=[*judged.files])
        yield app, judged


async def test_mmr_for_relevance_alone_ranks_as_no_mmr_does(
    animals: tuple[Alir, Dataset],
) -> None:
    for way in ("dense", "RRF"):
        plain = await found(*animals, way, None)
        assert plain == await found(*animals, way, 1.0)
        assert min(map(len, plain.values())) > 2


async def test_mmr_for_variety_begins_with_the_nearest_and_ranks_otherwise(
    animals: tuple[Alir, Dataset],
) -> None:
    plain, varied = await found(*animals, "dense", None), await found(*animals, "dense", 0.1)

    assert plain != varied
    assert [one[0] for one in plain.values()] == [one[0] for one in varied.values()]


async def table(judged: Dataset, settings: Settings) -> None:
    async with Alir(settings) as app:
        await app.ingest.run(paths=[*judged.files])
        default = score(await found(app, judged, "RRF", None), judged.judgements, depth=DEPTH)
        print(f"| {judged.name} | {' | '.join(SHOWN)} | {MAIN} less the default's |")
        print("|---" * (len(SHOWN) + 2) + "|")
        for way in ("RRF", "dense"):
            for threshold in THRESHOLDS:
                scores = score(
                    await found(app, judged, way, threshold), judged.judgements, depth=DEPTH
                )
                less = interval(scores[MAIN] - default[MAIN])
                cells = [
                    way if threshold is None else f"{way}, MMR {threshold}",
                    *(f"{scores[name].mean():.3f}" for name in SHOWN),
                    "{value:+.3f} ({low:+.3f} to {high:+.3f})".format(**less),
                ]
                print(f"| {' | '.join(cells)} |", flush=True)
    print()


async def tables() -> None:
    for data, questions in ((CRANFIELD, None), (SEED, SEED_QUESTIONS)):
        with TemporaryDirectory() as temporary:
            documents = Path(temporary) / "documents"
            documents.mkdir()
            judged = load(data, folder=documents, questions=questions)
            await table(judged, settings_in(Path(temporary)))


if __name__ == "__main__":
    asyncio.run(tables())
