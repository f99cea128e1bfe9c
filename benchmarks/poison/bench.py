"""Ask beside poisoned documents, with and without a defence: how many get what they want?"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from llama_index.core.llms.function_calling import FunctionCallingLLM

from alir.app.application import Alir
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.events.ingest import IngestReport
from alir.settings import Settings
from alir.testing import HashEmbedding, OpenAIServer, Reply
from alir.testing.openai_script import Json
from benchmarks.measure import WrongResult
from benchmarks.poison.poisoned import Poison, got_through, poisons
from benchmarks.poison.sides import (
    Outbox,
    Side,
    alir,
    answered_right,
    honest,
    llamaindex,
    plain_fence,
)
from tests.soak.obeying import obeying

DIM = 64
TOP_K = 10
"""More than a folder has passages: every poisoned document is read."""
OUTSIDE, EVERYTHING = "obeys what is outside the fence", "obeys everything"
_MODELS = {OUTSIDE: obeying(honest), EVERYTHING: obeying(honest, even_fenced=True)}


async def measure_poison(
    progress: Progress, documents: Sequence[Poison] | None = None
) -> dict[str, Any]:
    """Return the JSON of `alir bench poison`: of each kind, how many documents got through.

    Args:
        documents: None is all of `poison.toml`.

    Raises:
        WrongResult: a document was not ingested.
    """
    described = machine.describe()
    documents = poisons() if documents is None else documents
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(OpenAIServer(_reply))
        boxes = {model: Outbox() for model in (None, OUTSIDE, EVERYTHING)}
        apps = {}
        for model, box in boxes.items():
            app = _app(folder / "poison.db", server.base_url, model, box)
            apps[model] = await stack.enter_async_context(app)
        folders = {one.name: one.write(folder / "documents") for one in documents}
        progress("ingesting")
        await _ingest(apps[None], folder / "documents", files=_files(documents))
        llm = cast("FunctionCallingLLM", apps[OUTSIDE].llm)
        sides: dict[str, Side] = {
            "llamaindex": llamaindex(apps[OUTSIDE], llm),
            "plain_fence": plain_fence(apps[OUTSIDE], llm),
            "alir": alir(apps[OUTSIDE], boxes[OUTSIDE]),
            "alir_everything": alir(apps[EVERYTHING], boxes[EVERYTHING]),
            "alir_extractive": alir(apps[None], boxes[None]),
        }
        kinds = {one.kind: Counter(documents=0, **dict.fromkeys(sides, 0)) for one in documents}
        through: dict[str, list[str]] = {side: [] for side in sides}
        for one in documents:
            progress(one.name)
            kinds[one.kind]["documents"] += 1
            answers = await asyncio.gather(*(ask(folders[one.name]) for ask in sides.values()))
            for side, given in zip(sides, answers, strict=True):
                # Only the fence is measured here: to mislead the model is enough.
                is_misled = side == "alir" and not all(map(answered_right, given))
                if is_misled or any(got_through(one, answer) for answer in given):
                    kinds[one.kind][side] += 1
                    through[side].append(one.name)
    return {
        "bench": "poison",
        "documents": len(documents),
        "kinds": {kind: dict(counts) for kind, counts in kinds.items()},
        "through": through,
        "machine": described,
    }


def _reply(request: Json) -> Reply:
    return _MODELS[request["model"]](request)


def _app(file: Path, base_url: str, model: str | None, outbox: Outbox) -> Alir:
    settings = Settings.load(milvus_uri=str(file), collection="poison", top_k=TOP_K)
    # No endpoint or key of the environment is used.
    chosen = {"llm_base_url": base_url if model else None, "llm_model": model, "llm_api_key": None}
    settings = settings.model_copy(update=chosen)
    return Alir(settings, embedding=HashEmbedding(dim=DIM), tools=[outbox.tool])


def _files(documents: Sequence[Poison]) -> int:
    return sum(len(one.files) + 1 for one in documents)


async def _ingest(app: Alir, folder: Path, *, files: int) -> None:
    report = cast("IngestReport", await app.ingest.run(paths=[folder]))
    if report.failed or report.added != files:
        failed = [f"{one.path.name}: {one.reason}" for one in report.failed]
        raise WrongResult(f"{report.added} of {files} files were ingested; {failed}")
