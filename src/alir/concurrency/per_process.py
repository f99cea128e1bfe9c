"""One object for each process: a forked child has its parent's threads and locks as dead ones."""

import ctypes
import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_forks = 0
"""How many forks lie between this process and the first one of its program."""


_all: "WeakSet[PerProcess[Any]]" = WeakSet()


class PerProcess(Generic[T]):
    """One object for each process that asks, made at its first use there.

    Of the threads of a process, a forked child has the one that forked; a lock that another one
    held is never released there. So what owns threads, locks or connections is made again. What
    the parent made is kept, unused.

    Args:
        make: makes one; two threads that ask at once may both call it, and one object is dropped.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}
        _all.add(self)

    def in_this_process(self) -> T:
        """Return this process's own."""
        try:
            return self._made[_forks]
        except KeyError:
            return self._made.setdefault(_forks, self._make())

    def take(self) -> T | None:
        """Return this process's own, to close it; the next use makes another. None without one."""
        return self._made.pop(_forks, None)

    def leave_to_parent(self) -> None:
        """Keep what this process was forked with: deleted at its end, it would wait or write."""
        keep_for_ever(tuple(self._made.values()))


def keep_for_ever(one: object) -> None:
    """Never let go of `one`, also not at the end of the program, when Python deletes the rest.

    For what a forked child has of its parent and what would disturb the parent at its deletion.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))


def _count_fork() -> None:
    global _forks  # noqa: PLW0603  it is the process's
    _forks += 1
    for one in list(_all):
        one.leave_to_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_count_fork)
