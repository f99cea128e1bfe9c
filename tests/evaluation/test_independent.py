"""The dense and the BM25 row against computations that share nothing with alir but its chunks.

Dense: sentence-transformers as it comes, and a product of matrices. BM25: bm25s (Lucene's variant,
k1 1.2, b 0.75) over words made as Milvus's English analyzer makes them: split where no letter or
digit is, small letters, Snowball's English stems, 33 stop words left out after stemming.

The test takes a part of Cranfield. The whole, with what docs/quality.md quotes:

    python -m tests.evaluation.test_independent
"""

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from nltk.stem.snowball import SnowballStemmer
from numpy.typing import NDArray

from alir import Alir, Settings
from alir.evaluation.dataset import Dataset
from alir.evaluation.evaluate import SEARCHES, ranking
from alir.evaluation.load import load
from alir.evaluation.metrics import score
from alir.inference.embeddings import find_model
from alir.settings import DEFAULT_MODEL
from tests.shared_data import CRANFIELD, needs_cranfield

PART = 50
"""Documents that the test takes, the first ones."""
DEPTH = 100
CLOSE = 0.01
_STOPPED = """a an and are as at be but by for if in into is it no not of on or such that the their
then there these they this to was will with"""
STOP_WORDS = frozenset(re.findall(r"\w+", _STOPPED))


def words(text: str) -> list[str]:
    stem = SnowballStemmer("english").stem
    found = [stem(word) for word in re.findall(r"[^\W_]+", text.lower())]
    return [word for word in found if word not in STOP_WORDS]


def by_meaning(chunks: list[str], questions: list[str]) -> NDArray[np.float64]:
    """Cosines, (questions, chunks)."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(find_model(DEFAULT_MODEL).folder), device="cpu")
    found = [model.encode(texts, normalize_embeddings=True) for texts in (questions, chunks)]
    return np.asarray(found[0] @ found[1].T, dtype=np.float64)


def by_words(chunks: list[str], questions: list[str]) -> NDArray[np.float64]:
    """BM25, (questions, chunks)."""
    import bm25s

    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    index.index([words(chunk) for chunk in chunks], show_progress=False)
    known = index.vocab_dict
    return np.array(
        [
            index.get_scores([word for word in words(question) if word in known])
            for question in questions
        ]
    )


def ranked(
    scores: NDArray[np.float64], chunks: list[TextNode], judged: Dataset
) -> dict[str, list[str]]:
    """The documents of each question's best chunks, each where its best one stands."""
    found = {}
    for question, row in zip(judged.questions, scores, strict=True):
        best = [place for place in np.argsort(-row, kind="stable")[:DEPTH] if row[place] > 0]
        units = [unit for place in best for unit in judged.units(question, chunks[place])]
        found[question] = list(dict.fromkeys(units))
    return found


async def compared(judged: Dataset, settings: Settings) -> dict[str, tuple[float, float]]:
    """The nDCG@10 of each branch: alir's, and the independent one."""
    everything = MetadataFilter(key="chunk_index", value=0, operator=FilterOperator.GTE)
    async with Alir(settings) as app:
        await app.ingest.run(paths=[*judged.files])
        nodes = await app.vector_store.aget_nodes(filters=MetadataFilters(filters=[everything]))
        ours = {
            name: await ranking(app.search, judged, SEARCHES[name], rerank=False, depth=DEPTH)
            for name in ("dense", "BM25")
        }
    chunks = [node for node in nodes if isinstance(node, TextNode)]
    texts, questions = [chunk.text for chunk in chunks], [*judged.questions.values()]
    theirs = {"dense": by_meaning(texts, questions), "BM25": by_words(texts, questions)}

    def ndcg(found: dict[str, list[str]]) -> float:
        return float(score(found, judged.judgements, depth=DEPTH)["nDCG@10"].mean())

    return {
        name: (ndcg(dict(ours[name])), ndcg(ranked(scores, chunks, judged)))  # type: ignore[arg-type]
        for name, scores in theirs.items()
    }


def settings_in(folder: Path) -> Settings:
    return Settings.load(milvus_uri=str(folder / "check.db"), ledger=folder / "ledger")


@needs_cranfield
async def test_both_branches_rank_as_independent_computations_do(tmp_path: Path) -> None:
    part = tmp_path / "cran"
    part.mkdir()
    documents = (CRANFIELD / "cran.all.1400").read_text()
    judgements = (CRANFIELD / "cranqrel").read_text().splitlines(keepends=True)
    (part / "cran.all").write_text(documents[: documents.index(f".I {PART + 1}\n")])
    (part / "cran.qry").write_text((CRANFIELD / "cran.qry").read_text())
    (part / "cranqrel").write_text("".join(x for x in judgements if int(x.split()[1]) <= PART))
    desk = tmp_path / "desk"
    desk.mkdir()
    judged = load(part, folder=desk)

    found = await compared(judged, settings_in(tmp_path))

    assert found.keys() == {"dense", "BM25"}
    for ours, theirs in found.values():
        assert 0.2 < ours < 0.95
        assert abs(ours - theirs) < CLOSE


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        desk = Path(name) / "documents"
        desk.mkdir()
        for branch, (ours, theirs) in asyncio.run(
            compared(load(CRANFIELD, folder=desk), settings_in(Path(name)))
        ).items():
            print(f"{branch}: nDCG@10 {ours:.4f}, independently {theirs:.4f}")
