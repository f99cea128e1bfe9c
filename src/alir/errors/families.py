"""The three families of errors, by who must act."""

import logging

_log = logging.getLogger(__name__)


class AlirError(Exception):
    """The base of every error alir raises on purpose."""

    public: str | None = None
    """What may be told to those who do not operate the service: no address, process, host or path
    of a file of the operator's. None is the error's own text."""

    def told(self) -> str:
        """Return what is told to a reader, and log the whole, if that is more."""
        if self.public is None:
            return str(self)
        _log.warning("%s", self)
        return self.public


class ConfigError(AlirError):
    """The operator must change a setting or the installation."""

    public: str | None = "The service is not set up as it should be; its log says what to change."


class InputError(AlirError):
    """The caller must change what was asked."""


class DependencyError(AlirError):
    """Something outside alir failed."""

    retryable: bool = True
    """Whether the same call may succeed later without a change."""
