"""One object for each process: a forked child has its parent's threads and locks as dead ones."""

import ctypes
import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_forks = 0
"""How many forks lie between this process and the first one of its program."""


class PerProcess(Generic[T]):
    """One object for each process that asks, made at its first use there.

    Of the threads of a process, a forked child has the one that forked; a lock that another one
    held is never released there. So what owns threads, locks or connections is made again. What
    the parent made is kept unused, because to close it would often disturb the parent.

    Args:
        make: makes one; two threads that ask at once may both call it, and one object is dropped.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    def in_this_process(self) -> T:
        """Return this process's own."""
        try:
            return self._made[_forks]
        except KeyError:
            return self._made.setdefault(_forks, self._make())


def keep_for_ever(one: object) -> None:
    """Never let go of `one`, also not at the end of the program, when Python deletes the rest.

    For what a forked child has of its parent and what would disturb the parent at its deletion.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))


def _count_fork() -> None:
    global _forks  # noqa: PLW0603  it is the process's
    _forks += 1


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_count_fork)
