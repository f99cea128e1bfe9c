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
    from alir.events.verify import DifferencesFound, Verify, VerifyProgress, VerifyReport
    from alir.milvus.store import AlirMilvusStore
    from alir.models.answers import Budget, CheckedSentence, Citation, Fusion, SourcePassage
    from alir.models.differences import Difference
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
    "Difference",
    "DifferencesFound",
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
    "Verify",
    "VerifyProgress",
    "VerifyReport",
    "WatchPaused",
    "as_tool",
    "below",
]

_HOME = {
    name: module
    for module, names in {
        "alir.app.agent_tool": ("as_tool",),
        "alir.app.application": ("Alir",),
        "alir.events.agent": ("AgentAnswer", "AskAgent", "MeaningAsked", "MeaningChosen"),
        "alir.events.ask": ("Answer", "Ask", "SentenceChecked", "Sources", "Token"),
        "alir.events.ingest": (
            "Ingest",
            "IngestPaused",
            "IngestProgress",
            "IngestReport",
            "IngestResumed",
            "LedgerRelearned",
        ),
        "alir.events.plan": ("FilesPlanned", "IngestPlan", "Plan", "WatchPaused"),
        "alir.events.search": ("Passages", "Search"),
        "alir.events.verify": (
            "DifferencesFound",
            "Verify",
            "VerifyProgress",
            "VerifyReport",
        ),
        "alir.milvus.store": ("AlirMilvusStore",),
        "alir.models.answers": ("Budget", "CheckedSentence", "Citation", "Fusion", "SourcePassage"),
        "alir.models.differences": ("Difference",),
        "alir.models.path_filters": ("below",),
        "alir.settings": ("Settings",),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    # Lazily: the libraries below take seconds to import, and `alir --help` needs none of them.
    if name not in __all__:
        raise AttributeError(f"module 'alir' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
