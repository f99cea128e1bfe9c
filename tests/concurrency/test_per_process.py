"""One of something for each process."""

import os
from collections.abc import Callable

from alir.concurrency.per_process import PerProcess
from tests.forked import in_child


def test_a_process_keeps_its_own() -> None:
    own: PerProcess[object] = PerProcess(object)

    assert own.in_this_process() is own.in_this_process()


def test_a_forked_child_makes_another_and_its_child_again() -> None:
    own: PerProcess[int] = PerProcess(os.getpid)
    here = own.in_this_process()

    def nested() -> list[int]:
        return [own.in_this_process(), in_child(lambda: [own.in_this_process(), os.getpid()])[0]]

    child, grandchild = in_child(nested)

    assert len({here, child, grandchild}) == 3
    assert own.in_this_process() == here


def test_what_was_never_used_before_the_fork_is_made_in_the_child_alone() -> None:
    made: list[Callable[[], int]] = []
    own: PerProcess[int] = PerProcess(lambda: made.append(os.getpid) or os.getpid())

    assert in_child(own.in_this_process) != os.getpid()
    assert made == []
