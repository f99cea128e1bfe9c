"""Errors after which the operator must change a setting or the installation."""

from collections.abc import Sequence

from alir.errors.families import AlirError, ConfigError


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

    public = None

    def __init__(self, collection: str) -> None:
        super().__init__(
            f"The collection {collection!r} cannot be searched by keywords: that needs Milvus 2.5 "
            "or newer. Upgrade the server, drop the collection and ingest again."
        )


class StoreInUse(ConfigError):
    """Another process has the Milvus Lite file open; only one process can use it."""

    public = "The index is open in another program. Wait for that to end."

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The Milvus Lite file {path} is in use by another process; only one can use it "
            "at a time. Wait for that process to end, point ALIR_MILVUS_URI at another file, or "
            "run a Milvus server."
        )


class RunInProgress(ConfigError):
    """Another run writes to the collection; only one can at a time."""

    public = "Another run writes to the index. Wait for it to end."

    def __init__(self, collection: str, *, what: str, pid: int, host: str, held_s: float) -> None:
        self.pid = pid
        self.held_s = held_s
        super().__init__(
            f"The collection {collection!r} is being written by another run, for {held_s:.0f} s "
            f"so far: {what} (process {pid} on {host}). Wait for it to end, or end it."
        )


class ServiceRunning(ConfigError):
    """Another `alir serve` has the service's file, or the embedded index."""

    def __init__(self, path: str, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"A service runs on {path} already: {who}. One service can use it at a time. Use "
            "that one or end it, or give this one its own index and ledger (ALIR_MILVUS_URI, "
            "ALIR_LEDGER)."
        )


class KeysLost(ConfigError):
    """The service had keys, and its file has none any more."""

    def __init__(self, path: str, mark: str) -> None:
        super().__init__(
            f"The service had keys, as {mark} says, and its file {path} has none now: it may be "
            "another file, or damaged. Restore it from a copy, or make a new key with: alir keys "
            "add NAME. To go on without keys on purpose: alir keys delete-all."
        )


class ForkedInUse(ConfigError):
    """The process was forked while its parent had a gRPC channel open; it can open none."""

    def __init__(self, parent: int) -> None:
        super().__init__(
            f"This process was forked while process {parent} waited for Milvus, or another of its "
            "libraries had a gRPC channel open: gRPC does not work in such a child. Fork while no "
            "call to Milvus is under way and other channels are closed, or start the process anew: "
            "multiprocessing's spawn or forkserver, or a pool that is made first."
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
