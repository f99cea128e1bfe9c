"""The limit on open files, shared by connections and by the work under way."""

import resource

MAX_DESCRIPTORS = 65_536
"""The limit is raised no further: the service never needs as many."""
MAX_CONNECTIONS = 2048
MIN_CONNECTIONS = 16
BASE_DESCRIPTORS = 64
"""Those of a service that does nothing: its files, its log, its Milvus."""


def raise_limit() -> None:
    """Raise this process's limit on descriptors as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def max_connections() -> int:
    """Return how many connections may be open; the other half is kept for the work under way."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, (soft - BASE_DESCRIPTORS) // 2))
