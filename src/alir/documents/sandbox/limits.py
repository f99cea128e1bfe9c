"""Limits on reading one part of a file, and how the kernel enforces them.

A timer's signal ends the process whatever its parser is at; no thread of ours need get its turn.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import resource


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Limits on reading one part of a file. Windows has none."""

    cpu_s: float = 60.0
    """Processor time."""
    memory_mib: int = 1024
    """On top of what the process has already. Linux only: macOS ignores such a limit."""
    waits: float = 5.0
    """Clock time per processor time: others use the machine, and disks are slow."""

    @property
    def wall_s(self) -> float:
        """Clock time."""
        return self.cpu_s * self.waits

    @property
    def too_large(self) -> str:
        """Return the reason for a file that hit the memory limit."""
        needs = f"needs more than {self.memory_mib} MiB of memory to be read"
        return f"{needs}; split it, or raise ALIR_PARSE_MEMORY_MIB"

    def perhaps_too_large(self, reason: str) -> str:
        """Return the reason for a file that may have hit the limit, from its parser's reason."""
        return f"{reason} (or it needs more memory: raise ALIR_PARSE_MEMORY_MIB)"

    def reached(self, from_mib: float) -> bool:
        """Return whether this process, which began with `from_mib`, may have hit the limit.

        A buffer that doubles fails at half of it, and C code gives no reason.
        """
        return _peak_mib() - from_mib > self.memory_mib / 2

    def too_slow(self, exit_code: int) -> str | None:
        """Return the reason for a file if the `exit_code` of its process is that of a timer."""
        if sys.platform == "win32":
            return None
        seconds = {-signal.SIGPROF: self.cpu_s, -signal.SIGALRM: self.wall_s}.get(exit_code)
        if seconds is None:
            return None
        return f"takes more than {seconds:g} s to read; leave it out, or raise ALIR_PARSE_TIMEOUT_S"


def prepare() -> None:
    """Let the timers end this process, without a core file."""
    if sys.platform == "win32":
        return
    timers = {signal.SIGALRM, signal.SIGPROF}
    for number in timers:  # what the parent ignores or blocks, its children do, too
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, timers)
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


@contextmanager
def limited(limits: SandboxLimits) -> Iterator[None]:
    """Limit this process in this context: time ends it, memory raises `MemoryError`."""
    if sys.platform == "win32":
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_s)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)
    _limit_memory(limits.memory_mib)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _limit_memory(None)


def resident_mib() -> float:
    """Return the memory that this process holds, in MiB; 0 if unknown."""
    return _pages(1)


def size_mib() -> float:
    """Return the address space of this process, which is what is limited; 0 if unknown."""
    return _pages(0)


def _peak_mib() -> float:
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text("ascii", errors="replace")
    return int(status.partition("VmPeak:")[2].split(maxsplit=1)[0]) / 1024


def _limit_memory(mib: int | None) -> None:
    if sys.platform != "linux":
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    allowed = most if mib is None else int(size_mib() + mib) << 20
    if most != resource.RLIM_INFINITY:
        allowed = min(allowed, most)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, most))


def _pages(column: int) -> float:
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[column])
    return pages * resource.getpagesize() / 2**20
