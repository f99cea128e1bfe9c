"""Settings of Python's garbage collector for a service."""

import gc
from functools import cache

COLLECT_AFTER = 1000
"""New objects after which Python collects the youngest generation."""
OLDER, OLDEST = 500, 100
"""Collections of a generation for each one of the next."""
PYTHONS_OWN = (700, 2000)
"""Up to Python 3.12, and since: another number was chosen by the program."""


@cache
def tune_garbage_collection() -> None:
    """Exclude the objects that live as long as the process, and collect less often.

    To look through what was imported takes a sixth of a second, and stops every thread. Of what a
    question makes the most lives until it is answered: with Python's own thresholds, looking at it
    again and again took a third of the time of a thousand questions. A look at the newest alone
    takes a few milliseconds. What is not found by it, as it is older, is not much.
    """
    gc.freeze()
    if gc.isenabled() and gc.get_threshold()[0] in PYTHONS_OWN:
        gc.set_threshold(COLLECT_AFTER, OLDER, OLDEST)
