"""The three families of errors, by who must act; and which of them pass."""

import errno
import logging

_log = logging.getLogger(__name__)
_SCARCE = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),
    *(errno.ENOSPC, errno.EDQUOT, errno.ENOLCK),
}
"""Open files, memory, processes, disk, locks: others use them up, and give them back."""
_NO_THREAD = "can't start new thread"
"""Python's message; it has no class for it."""


class AlirError(Exception):
    """The base of every error alir raises on purpose."""

    public: str | None = None
    """What may be told to those who do not operate the service: no address, process, host or path
    of a file of the operator's. None is the error's own text."""

    @property
    def is_final(self) -> bool:
        """Whether work that was acknowledged has failed with it.

        Other work is tried again until the cause has passed, or somebody has mended it.
        """
        return True

    def told(self) -> str:
        """Return what is told to a reader, and log the whole, if that is more."""
        if self.public is None:
            return str(self)
        _log.warning("%s", self)
        return self.public


class ConfigError(AlirError):
    """The operator must change a setting or the installation."""

    public: str | None = "The service is not set up as it should be; its log says what to change."

    @property
    def is_final(self) -> bool:
        """Whether work that was acknowledged has failed with it: it waits for the operator."""
        return False


class InputError(AlirError):
    """The caller must change what was asked."""


class DependencyError(AlirError):
    """Something outside alir failed."""

    retryable: bool = True
    """Whether the same call may succeed later without a change."""

    @property
    def is_final(self) -> bool:
        """Whether work that was acknowledged has failed with it."""
        return not self.retryable


def passes(error: BaseException) -> bool:
    """Return whether work that was acknowledged is tried again after `error`.

    It is if the error is not final, or if a want of what the system lends (open files, memory,
    threads, disk) caused it.
    """
    if isinstance(error, AlirError) and not error.is_final:
        return True
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        if is_want(current):
            return True
        seen.append(current)
        current = current.__cause__ or current.__context__
    return False


def is_want(error: BaseException) -> bool:
    """Return whether an error of Python's is a want of what the system lends."""
    if isinstance(error, OSError):
        return error.errno in _SCARCE
    if isinstance(error, RuntimeError):
        return _NO_THREAD in str(error)
    return isinstance(error, MemoryError)
