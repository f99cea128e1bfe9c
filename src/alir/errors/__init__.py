"""Every error that alir raises on purpose, in three families by who must act.

AlirError
├── ConfigError              the operator must change a setting or the installation
│   ├── InvalidSetting
│   ├── ModelUnavailable
│   ├── CollectionMismatch
│   │   └── FingerprintMismatch
│   ├── KeywordSearchUnavailable
│   ├── StoreInUse
│   ├── RunInProgress
│   ├── ServiceRunning
│   ├── KeysLost
│   ├── ForkedInUse
│   ├── CannotWatch
│   ├── ExtraMissing
│   └── AccessRefused
├── InputError               the caller must change what was asked
│   ├── PathNotFound
│   ├── NothingToIngest
│   ├── TooManyDeletions
│   ├── NothingToRebuild
│   ├── RebuildIncomplete
│   ├── NothingKept
│   ├── EmptyQuestion
│   ├── InvalidTopK
│   ├── NothingIngested
│   ├── UnreadableFile
│   ├── PictureUnwritable
│   ├── InvalidDataset
│   ├── InvalidFilter
│   ├── InvalidQuery
│   ├── InvalidKey
│   └── NodeRefused
└── DependencyError          something outside alir failed; carries `retryable`
    ├── MilvusUnavailable
    ├── MilvusLiteNotStarted
    ├── MilvusTimeout
    ├── MilvusFailed
    ├── LedgerFailed
    ├── IngestStopped
    ├── ParserUnavailable
    ├── SessionsFailed
    ├── ServiceFileFailed
    ├── OutOfResources
    ├── RetrievalFailed
    └── LanguageModelFailed
        └── ReplyCut

A constructor takes data and builds the sentence: what happened, to what, what to do next.
"Nothing found" is a result, never an error.
"""

from alir.errors.configuration import (
    AccessRefused,
    CannotWatch,
    CollectionMismatch,
    ExtraMissing,
    FingerprintMismatch,
    ForkedInUse,
    InvalidSetting,
    KeysLost,
    KeywordSearchUnavailable,
    ModelUnavailable,
    RunInProgress,
    ServiceRunning,
    StoreInUse,
)
from alir.errors.dependency import (
    IngestStopped,
    LanguageModelFailed,
    LedgerFailed,
    MilvusFailed,
    MilvusLiteNotStarted,
    MilvusTimeout,
    MilvusUnavailable,
    OutOfResources,
    ParserUnavailable,
    ReplyCut,
    RetrievalFailed,
    ServiceFileFailed,
    SessionsFailed,
)
from alir.errors.families import (
    AlirError,
    ConfigError,
    DependencyError,
    InputError,
    is_want,
    passes,
)
from alir.errors.input import (
    EmptyQuestion,
    InvalidDataset,
    InvalidFilter,
    InvalidKey,
    InvalidQuery,
    InvalidTopK,
    NodeRefused,
    NothingIngested,
    NothingKept,
    NothingToIngest,
    NothingToRebuild,
    PathNotFound,
    PictureUnwritable,
    RebuildIncomplete,
    TooManyDeletions,
    UnreadableFile,
)

__all__ = [
    "AccessRefused",
    "AlirError",
    "CannotWatch",
    "CollectionMismatch",
    "ConfigError",
    "DependencyError",
    "EmptyQuestion",
    "ExtraMissing",
    "FingerprintMismatch",
    "ForkedInUse",
    "IngestStopped",
    "InputError",
    "InvalidDataset",
    "InvalidFilter",
    "InvalidKey",
    "InvalidQuery",
    "InvalidSetting",
    "InvalidTopK",
    "KeysLost",
    "KeywordSearchUnavailable",
    "LanguageModelFailed",
    "LedgerFailed",
    "MilvusFailed",
    "MilvusLiteNotStarted",
    "MilvusTimeout",
    "MilvusUnavailable",
    "ModelUnavailable",
    "NodeRefused",
    "NothingIngested",
    "NothingKept",
    "NothingToIngest",
    "NothingToRebuild",
    "OutOfResources",
    "ParserUnavailable",
    "PathNotFound",
    "PictureUnwritable",
    "RebuildIncomplete",
    "ReplyCut",
    "RetrievalFailed",
    "RunInProgress",
    "ServiceFileFailed",
    "ServiceRunning",
    "SessionsFailed",
    "StoreInUse",
    "TooManyDeletions",
    "UnreadableFile",
    "is_want",
    "passes",
]
