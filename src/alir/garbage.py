"""Python's garbage collector, kept off a service's back."""

import gc
from functools import cache

COLLECT_AFTER = 50_000
"""New objects, a few megabytes, after which Python looks for what nothing refers to any more."""


@cache
def spare_the_collector() -> None:
    """Keep Python's garbage collector off what lives as long as the process; call it less often.

    To look through what was imported takes a sixth of a second, and stops every thread. And with a
    thousand questions under way, to look after each 700 new objects took a third of the time.
    """
    gc.freeze()
    if gc.isenabled() and 0 < gc.get_threshold()[0] < COLLECT_AFTER:
        gc.set_threshold(COLLECT_AFTER, 20, 100)
