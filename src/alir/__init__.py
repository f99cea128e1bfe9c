"""alir: an async RAG agent service of LlamaIndex Workflows over Milvus.

app = Alir()
report = await app.ingest.run(paths=["docs"])
answer = await app.ask.run(question="How does it work?")
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alir.agent_events import AgentAnswer, AskAgent, MeaningAsked, MeaningChosen
    from alir.agent_tool import as_tool
    from alir.app import Alir
    from alir.events import (
        Answer,
        Ask,
        Ingest,
        IngestPaused,
        IngestProgress,
        IngestReport,
        IngestResumed,
        LedgerRelearned,
        SentenceChecked,
        Sources,
        Token,
    )
    from alir.milvus.store import AlirMilvusStore
    from alir.models import Budget, CheckedSentence, Citation, Fusion, SourcePassage
    from alir.plan_events import FilesPlanned, IngestPlan, Plan, WatchPaused
    from alir.scope import below
    from alir.search_events import Passages, Search
    from alir.settings import Settings

__all__ = [
    "AgentAnswer",
    "Alir",
    "AlirMilvusStore",
    "Answer",
    "Ask",
    "AskAgent",
    "Budget",
    "CheckedSentence",
    "Citation",
    "FilesPlanned",
    "Fusion",
    "Ingest",
    "IngestPaused",
    "IngestPlan",
    "IngestProgress",
    "IngestReport",
    "IngestResumed",
    "LedgerRelearned",
    "MeaningAsked",
    "MeaningChosen",
    "Passages",
    "Plan",
    "Search",
    "SentenceChecked",
    "Settings",
    "SourcePassage",
    "Sources",
    "Token",
    "WatchPaused",
    "as_tool",
    "below",
]

_HOME = {
    "AgentAnswer": "alir.agent_events",
    "AskAgent": "alir.agent_events",
    "Budget": "alir.models",
    "MeaningAsked": "alir.agent_events",
    "MeaningChosen": "alir.agent_events",
    "as_tool": "alir.agent_tool",
    "below": "alir.scope",
    "Alir": "alir.app",
    "AlirMilvusStore": "alir.milvus.store",
    "CheckedSentence": "alir.models",
    "Citation": "alir.models",
    "FilesPlanned": "alir.plan_events",
    "Fusion": "alir.models",
    "IngestPlan": "alir.plan_events",
    "Passages": "alir.search_events",
    "Plan": "alir.plan_events",
    "Search": "alir.search_events",
    "Settings": "alir.settings",
    "SourcePassage": "alir.models",
    "WatchPaused": "alir.plan_events",
}


def __getattr__(name: str) -> Any:
    # Lazily: the libraries below take seconds to import, and `alir --help` needs none of them.
    if name not in __all__:
        raise AttributeError(f"module 'alir' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME.get(name, "alir.events")), name)
