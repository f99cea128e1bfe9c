"""The three families of errors, by who must act."""


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
