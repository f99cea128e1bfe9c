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
    ├── RetrievalFailed
    └── LanguageModelFailed

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
    KeywordSearchUnavailable,
    ModelUnavailable,
    RunInProgress,
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
    ParserUnavailable,
    RetrievalFailed,
    ServiceFileFailed,
    SessionsFailed,
)
from alir.errors.families import (
    AlirError,
    ConfigError,
    DependencyError,
    InputError,
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
    "ParserUnavailable",
    "PathNotFound",
    "PictureUnwritable",
    "RebuildIncomplete",
    "RetrievalFailed",
    "RunInProgress",
    "ServiceFileFailed",
    "SessionsFailed",
    "StoreInUse",
    "TooManyDeletions",
    "UnreadableFile",
]
