"""What reading one part of a file may cost, and the kernel's ways to hold a process to it.

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
    """What reading one part of a file may cost. On Windows nothing is limited."""

    cpu_s: float = 60.0
    """Seconds of a processor."""
    memory_mib: int = 1024
    """Beyond what the process has already. Linux alone: macOS takes such a limit and ignores it."""
    waits: float = 5.0
    """Times longer by the clock than it computes: others use the machine, and disks are slow."""

    @property
    def wall_s(self) -> float:
        """Seconds by the clock."""
        return self.cpu_s * self.waits

    @property
    def too_large(self) -> str:
        """Why a file that reached the limit of memory was not read."""
        needs = f"needs more than {self.memory_mib} MiB of memory to be read"
        return f"{needs}; split it, or raise ALIR_PARSE_MEMORY_MIB"

    def perhaps_too_large(self, reason: str) -> str:
        """Why a file that may have reached the limit was not read, as far as its parser knows."""
        return f"{reason} (or it needs more memory: raise ALIR_PARSE_MEMORY_MIB)"

    def reached(self, from_mib: float) -> bool:
        """Whether this process, once of `from_mib`, may have reached the limit of memory.

        A buffer that doubles fails at half of it, and what is written in C does not say why.
        """
        return _peak_mib() - from_mib > self.memory_mib / 2

    def too_slow(self, exit_code: int) -> str | None:
        """Why a file was not read whose process ended with `exit_code`, if a timer ended it."""
        if sys.platform == "win32":
            return None
        seconds = {-signal.SIGPROF: self.cpu_s, -signal.SIGALRM: self.wall_s}.get(exit_code)
        if seconds is None:
            return None
        return f"takes more than {seconds:g} s to read; leave it out, or raise ALIR_PARSE_TIMEOUT_S"


def prepare() -> None:
    """Make this process one that the timers can end, and that leaves no core file."""
    if sys.platform == "win32":
        return
    timers = {signal.SIGALRM, signal.SIGPROF}
    for number in timers:  # what the parent ignores or blocks, its children do, too
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, timers)
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


@contextmanager
def held(limits: SandboxLimits) -> Iterator[None]:
    """Hold this process to `limits` meanwhile: too slow ends it, too large is a `MemoryError`."""
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
    """Return the memory this process holds now, in MiB; 0 where nobody can tell."""
    return _pages(1)


def size_mib() -> float:
    """Return the addresses this process uses, which are what is limited; 0 as above."""
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
