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
│   ├── InvalidKey
│   └── NodeRefused
└── DependencyError          something outside alir failed; carries `retryable`
    ├── MilvusUnavailable
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

from collections.abc import Sequence
from pathlib import Path


class AlirError(Exception):
    """The base of every error alir raises on purpose."""


class ConfigError(AlirError):
    """The operator must change a setting or the installation."""


class InputError(AlirError):
    """The caller must change what was asked."""


class DependencyError(AlirError):
    """Something outside alir failed."""

    retryable: bool = True
    """Whether the same call may succeed later without a change."""


class InvalidSetting(ConfigError):
    """A setting has a value alir cannot use, or a name it does not know."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name}: {problem}. {remedy}")


class ModelUnavailable(ConfigError):
    """An embedding model was not found, or its weights are not the expected ones."""

    def __init__(self, model: str, problem: str, remedy: str) -> None:
        super().__init__(f"The embedding model {model} {problem}. {remedy}")


class CollectionMismatch(ConfigError):
    """The collection was made with another model, dimension, metric or schema."""

    def __init__(self, collection: str, problem: str) -> None:
        super().__init__(
            f"The collection {collection!r} {problem}. Use another collection "
            "(--collection or ALIR_COLLECTION), go back to the settings it was made with, "
            "or drop it and ingest again."
        )


class FingerprintMismatch(CollectionMismatch):
    """The index was made with another model, or with other chunks."""

    def __init__(self, collection: str, differences: Sequence[str], settings: str) -> None:
        restored = f"set {settings} to go on with it, " if settings else ""
        AlirError.__init__(
            self,
            f"The collection {collection!r} was made with {'; '.join(differences)}. Nothing was "
            "changed. Make a new index, while the old one answers, with: alir "
            f"rebuild. Or {restored}use another collection (--collection or ALIR_COLLECTION).",
        )


class KeywordSearchUnavailable(ConfigError):
    """The collection has no BM25: a server older than Milvus 2.5 holds it, or made it."""

    def __init__(self, collection: str) -> None:
        super().__init__(
            f"The collection {collection!r} cannot be searched by keywords: that needs Milvus 2.5 "
            "or newer. Upgrade the server, drop the collection and ingest again."
        )


class StoreInUse(ConfigError):
    """Another process has the Milvus Lite file open; only one process can use it."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The Milvus Lite file {path} is in use by another process; only one can use it "
            "at a time. Wait for that process to end, point ALIR_MILVUS_URI at another file, or "
            "run a Milvus server."
        )


class RunInProgress(ConfigError):
    """Another run writes to the collection; only one can at a time."""

    def __init__(self, collection: str, *, what: str, pid: int, host: str, held_s: float) -> None:
        self.pid = pid
        self.held_s = held_s
        super().__init__(
            f"The collection {collection!r} is being written by another run, for {held_s:.0f} s "
            f"so far: {what} (process {pid} on {host}). Wait for it to end, or end it."
        )


class CannotWatch(ConfigError):
    """The system does not report changes below a path."""

    def __init__(self, paths: str, problem: str) -> None:
        super().__init__(
            f"{paths} cannot be watched: {problem}. If the system's limit on watches is reached, "
            "raise it (fs.inotify.max_user_watches); or set WATCHFILES_FORCE_POLLING=1 to poll "
            "the files instead."
        )


class ExtraMissing(ConfigError):
    """A feature needs a package that only an extra of alir installs."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed. Install it with: "
            f"pip install 'alir[{extra}]'"
        )


class AccessRefused(ConfigError):
    """A server refused the credentials."""

    def __init__(self, server: str, setting: str) -> None:
        super().__init__(f"{server} refused the credentials. Check {setting}.")


class PathNotFound(InputError):
    """A path to ingest does not exist."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} does not exist. Check the path.")


class NothingToIngest(InputError):
    """The paths hold no file that alir reads."""

    def __init__(self, paths: str, why: str = "hold no file that alir reads") -> None:
        super().__init__(
            f"{paths}: {why}. Name a text, Markdown, HTML, PDF, DOCX, CSV, JSON or source code "
            "file, or a folder of them."
        )


class TooManyDeletions(InputError):
    """More than half of the files that the index holds below the paths are gone."""

    def __init__(self, files: int, held: int, example: Path) -> None:
        super().__init__(
            f"{files} of the {held} files that the index holds of the paths are gone, for example "
            f"{example}. New and changed files are ingested, nothing was deleted. Add "
            "--delete-many to delete them, or check the path and what is mounted there."
        )


class NothingToRebuild(InputError):
    """The index is already what a rebuild would make, or there is none."""

    def __init__(self, collection: str, why: str) -> None:
        super().__init__(
            f"The collection {collection!r} {why}: there is nothing to rebuild. Use alir ingest "
            "PATH to bring it up to date."
        )


class RebuildIncomplete(InputError):
    """The new index lacks something of the old one, so it did not replace it."""

    def __init__(self, collection: str, problem: str) -> None:
        super().__init__(
            f"The new index of {collection!r} is built, and did not replace the old one: "
            f"{problem}. Mend that and run alir rebuild again, which goes on from there; or add "
            "--switch-anyway to do without it."
        )


class NothingKept(InputError):
    """There is no older index to go back to."""

    def __init__(self, collection: str) -> None:
        super().__init__(
            f"No older index of {collection!r} is kept to go back to. Change the settings and use "
            "alir rebuild to make another."
        )


class EmptyQuestion(InputError):
    """A question has no words."""

    def __init__(self) -> None:
        super().__init__("The question is empty. Ask something.")


class InvalidTopK(InputError):
    """The number of passages is below 1, or above what an answer can use."""

    def __init__(self, top_k: int, limit: int) -> None:
        super().__init__(f"top_k is {top_k}. Ask for 1 to {limit} passages.")


class NothingIngested(InputError):
    """The collection to ask does not exist yet, or is empty."""

    def __init__(self, collection: str) -> None:
        super().__init__(
            f"The collection {collection!r} holds no documents yet. Ingest some first: "
            "alir ingest PATH."
        )


class UnreadableFile(InputError):
    """A file cannot be read as a document; other files are not affected."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class PictureUnwritable(InputError):
    """The picture of a run cannot be written to its file."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"The picture {path} cannot be written: {problem}. Name another file.")


class InvalidDataset(InputError):
    """A dataset of questions and judgements, or a line of it, is wrong."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}. {remedy}")


class InvalidFilter(InputError):
    """A metadata filter cannot be translated for Milvus."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"The filter on {key!r} {problem}. Change the filter.")


class InvalidKey(InputError):
    """A key of the service cannot be made, or does not exist."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name!r} {problem}. {remedy}")


class NodeRefused(InputError):
    """A node cannot be stored: it exceeds a limit of Milvus, or its vector has a wrong length."""

    def __init__(self, node_id: str, problem: str) -> None:
        self.node_id = node_id
        self.problem = problem
        super().__init__(
            f"The node {node_id!r} cannot be stored: {problem}. Change the node, or leave it out."
        )


class MilvusUnavailable(DependencyError):
    """Nothing answers at the Milvus address."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"No Milvus answers at {uri}. Start it (docker compose up -d) or correct "
            "ALIR_MILVUS_URI; without that setting alir uses a local file."
            if "://" in uri
            else f"Milvus Lite, which serves {uri}, has ended: the disk may be full, or it was "
            "stopped. Make room and run the same command again; what was written stays."
        )


class MilvusTimeout(DependencyError):
    """Milvus accepted a call and did not answer in time."""

    def __init__(self, uri: str, timeout_s: float) -> None:
        super().__init__(
            f"Milvus at {uri} did not answer within {timeout_s:g} s. Check its health, or raise "
            "ALIR_TIMEOUT_S."
        )


class MilvusFailed(DependencyError):
    """Milvus answered with an error."""

    def __init__(self, uri: str, operation: str, reason: str, *, retryable: bool) -> None:
        self.retryable = retryable
        what = "Try again." if retryable else "Check the server's log."
        super().__init__(f"Milvus at {uri} failed in {operation}: {reason}. {what}")


class LedgerFailed(DependencyError):
    """The ledger's file cannot be read or written: a full disk, damage, or another process."""

    def __init__(self, path: str, problem: str, remedy: str, *, retryable: bool) -> None:
        self.retryable = retryable
        super().__init__(f"The ledger {path} {problem}. {remedy}")


class SessionsFailed(DependencyError):
    """The file of conversations cannot be read or written."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(
            f"The conversations in {path} cannot be read or written: {problem}. Move the file away "
            "to begin new ones, or ask without --session."
        )


class ServiceFileFailed(DependencyError):
    """A file of the service (keys and ingestions, or runs) cannot be read or written."""

    retryable = False
    KEYS = "its keys are gone: make new ones with alir keys add before you serve"

    def __init__(self, path: str, problem: str, lost: str = KEYS) -> None:
        super().__init__(
            f"The service's file {path} {problem}. Check its disk and its permissions. If you move "
            f"it away, {lost}."
        )


class IngestStopped(DependencyError):
    """An ingestion stopped early; what it wrote stays, and the next run goes on."""

    def __init__(self, reason: str, *, files_done: int, files: int, chunks: int) -> None:
        super().__init__(
            f"{reason} The ingestion stopped after {files_done} of {files} files; the {chunks} "
            "chunks it wrote stay, nothing was lost. Run the same command again: it goes on from "
            "there. ALIR_OUTAGE_S sets how long it waits for Milvus."
        )


class ParserUnavailable(DependencyError):
    """The process that reads documents does not start."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The process that reads documents does not start: {why}. Check whether "
            "memory or the number of processes has run out, and try again."
        )


class RetrievalFailed(DependencyError):
    """Every branch of a search failed."""

    def __init__(self, failures: list[str]) -> None:
        super().__init__(" ".join(dict.fromkeys(failures)))


class LanguageModelFailed(DependencyError):
    """The language model's endpoint failed, refused or did not answer."""

    def __init__(self, model: str, endpoint: str, reason: str, *, retryable: bool) -> None:
        self.retryable = retryable
        super().__init__(
            f"The language model {model} at {endpoint} failed: {reason}. Check ALIR_LLM_MODEL, "
            "ALIR_LLM_BASE_URL and ALIR_LLM_API_KEY; without them alir gives extractive answers."
        )
