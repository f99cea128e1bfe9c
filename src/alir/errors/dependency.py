"""Errors of what is outside alir: Milvus, a model, a disk."""

from collections.abc import Sequence

from alir.errors.families import AlirError, ConfigError, DependencyError


class MilvusUnavailable(DependencyError):
    """Nothing answers at the Milvus address."""

    public = "The index does not answer. Try again later."

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"No Milvus answers at {uri}. Start it (docker compose up -d) or correct "
            "ALIR_MILVUS_URI; without that setting alir uses a local file."
            if "://" in uri
            else f"Milvus Lite, which serves {uri}, has ended: the disk may be full, or it was "
            "stopped. Make room and run the same command again; what was written stays."
        )


class MilvusLiteNotStarted(DependencyError):
    """The system does not let Milvus Lite start: no room on the disk, no descriptor, no process."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"Milvus Lite, which serves {path}, cannot be started: {why}. Make room on the disk, "
            "or close files or programs, and try again."
        )


class MilvusTimeout(DependencyError):
    """Milvus accepted a call and did not answer in time."""

    public = "The index did not answer in time. Try again later."

    def __init__(self, uri: str, timeout_s: float) -> None:
        super().__init__(
            f"Milvus at {uri} did not answer within {timeout_s:g} s. Check its health, or raise "
            "ALIR_TIMEOUT_S."
        )


class MilvusFailed(DependencyError):
    """Milvus answered with an error."""

    public = "The index answered with an error. Try again later."

    def __init__(self, uri: str, operation: str, reason: str, *, retryable: bool) -> None:
        self.retryable = retryable
        what = "Try again." if retryable else "Check the server's log."
        super().__init__(f"Milvus at {uri} failed in {operation}: {reason}. {what}")


class LedgerFailed(DependencyError):
    """The ledger's file cannot be read or written: a full disk, damage, or another process."""

    public = "The list of ingested files cannot be read or written. Try again later."

    def __init__(self, path: str, problem: str, remedy: str, *, retryable: bool) -> None:
        self.retryable = retryable
        super().__init__(f"The ledger {path} {problem}. {remedy}")

    @property
    def is_final(self) -> bool:
        """Whether work that was acknowledged has failed with it: it waits for the disk."""
        return False


class SessionsFailed(DependencyError):
    """The file of conversations cannot be read or written."""

    public = "The conversations cannot be read or written. Ask without one, or try again later."

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(
            f"The conversations in {path} cannot be read or written: {problem}. Move the file away "
            "to begin new ones, or ask without --session."
        )


class ServiceFileFailed(DependencyError):
    """A file of the service (keys and ingestions, or runs) cannot be read or written."""

    public = ConfigError.public
    retryable = False
    KEYS = "its keys are gone: make new ones with alir keys add before you serve"

    def __init__(self, path: str, problem: str, lost: str = KEYS) -> None:
        super().__init__(
            f"The service's file {path} {problem}. Check its disk and its permissions. If you move "
            f"it away, {lost}."
        )

    @property
    def is_final(self) -> bool:
        """Whether work that was acknowledged has failed with it: it waits for the disk."""
        return False


class OutOfResources(DependencyError):
    """The system lends no more open files, memory or threads."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"{what} could not be read: {reason}. Close what uses so many, or raise the limit "
            "(ulimit -a shows it), and try again."
        )


class IngestStopped(DependencyError):
    """An ingestion stopped early; what it wrote stays, and the next run goes on."""

    public = "The ingestion stopped early; what it wrote stays. Begin it again later."

    def __init__(self, reason: str, *, files_done: int, files: int, chunks: int) -> None:
        super().__init__(
            f"{reason} The ingestion stopped after {files_done} of {files} files; the {chunks} "
            "chunks it wrote stay, nothing was lost. Run the same command again: it goes on from "
            "there. ALIR_OUTAGE_S sets how long it waits for Milvus."
        )


class ParserUnavailable(DependencyError):
    """The process that reads documents does not start."""

    public = "The process that reads documents does not start. Try again later."

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The process that reads documents does not start: {why}. Check whether "
            "memory or the number of processes has run out, and try again."
        )


class RetrievalFailed(DependencyError):
    """Every branch of a search failed."""

    def __init__(self, failures: Sequence[AlirError | str]) -> None:
        super().__init__(" ".join(dict.fromkeys(str(one) for one in failures)))
        told = (str(one) if isinstance(one, str) else one.public or str(one) for one in failures)
        self.public = " ".join(dict.fromkeys(told))


class LanguageModelFailed(DependencyError):
    """The language model's endpoint failed, refused or did not answer."""

    def __init__(self, model: str, endpoint: str, reason: str, *, retryable: bool) -> None:
        self.retryable = retryable
        self.public = f"The language model failed: {reason}."
        super().__init__(
            f"The language model {model} at {endpoint} failed: {reason}. Check ALIR_LLM_MODEL, "
            "ALIR_LLM_BASE_URL and ALIR_LLM_API_KEY; without them alir gives extractive answers."
        )


class ReplyCut(LanguageModelFailed):
    """A language model's reply ends before its end: what came of it may be used."""

    public = None
    retryable = False

    def __init__(self, why: str) -> None:
        DependencyError.__init__(self, why)
