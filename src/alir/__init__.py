"""alir: an async RAG agent service of LlamaIndex Workflows over Milvus.

app = Alir()
report = await app.ingest.run(paths=["docs"])
answer = await app.ask.run(question="How does it work?")
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alir.app.agent_tool import as_tool
    from alir.app.application import Alir
    from alir.events.agent import AgentAnswer, AskAgent, MeaningAsked, MeaningChosen
    from alir.events.ask import Answer, Ask, SentenceChecked, Sources, Token
    from alir.events.ingest import (
        Ingest,
        IngestPaused,
        IngestProgress,
        IngestReport,
        IngestResumed,
        LedgerRelearned,
    )
    from alir.events.plan import FilesPlanned, IngestPlan, Plan, WatchPaused
    from alir.events.search import Passages, Search
    from alir.milvus.store import AlirMilvusStore
    from alir.models.answers import Budget, CheckedSentence, Citation, Fusion, SourcePassage
    from alir.models.path_filters import below
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
    "AgentAnswer": "alir.events.agent",
    "Alir": "alir.app.application",
    "AlirMilvusStore": "alir.milvus.store",
    "Answer": "alir.events.ask",
    "Ask": "alir.events.ask",
    "AskAgent": "alir.events.agent",
    "Budget": "alir.models.answers",
    "CheckedSentence": "alir.models.answers",
    "Citation": "alir.models.answers",
    "FilesPlanned": "alir.events.plan",
    "Fusion": "alir.models.answers",
    "Ingest": "alir.events.ingest",
    "IngestPaused": "alir.events.ingest",
    "IngestPlan": "alir.events.plan",
    "IngestProgress": "alir.events.ingest",
    "IngestReport": "alir.events.ingest",
    "IngestResumed": "alir.events.ingest",
    "LedgerRelearned": "alir.events.ingest",
    "MeaningAsked": "alir.events.agent",
    "MeaningChosen": "alir.events.agent",
    "Passages": "alir.events.search",
    "Plan": "alir.events.plan",
    "Search": "alir.events.search",
    "SentenceChecked": "alir.events.ask",
    "Settings": "alir.settings",
    "SourcePassage": "alir.models.answers",
    "Sources": "alir.events.ask",
    "Token": "alir.events.ask",
    "WatchPaused": "alir.events.plan",
    "as_tool": "alir.app.agent_tool",
    "below": "alir.models.path_filters",
}


def __getattr__(name: str) -> Any:
    # Lazily: the libraries below take seconds to import, and `alir --help` needs none of them.
    if name not in __all__:
        raise AttributeError(f"module 'alir' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
