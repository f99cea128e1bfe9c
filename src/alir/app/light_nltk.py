"""nltk without SciPy and scikit-learn, which it imports for statistics alir has no use for.

They are a third of what a command takes to start, and 80 MB.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

_LEFT_OUT = {"scipy", "sklearn"}


class _NotForNltk(MetaPathFinder):
    """Finds that they are absent, as they may be, while nltk is being imported; then nothing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        nltk = getattr(sys.modules.get("nltk"), "__spec__", None)
        if fullname.partition(".")[0] in _LEFT_OUT and getattr(nltk, "_initializing", False):
            raise ModuleNotFoundError(f"left out of nltk: {fullname}", name=fullname)


def leave_out_statistics() -> None:
    """Have nltk, when this process imports it, go without them: for programs of alir's own.

    Who has alir as a library may want nltk whole.
    """
    sys.meta_path.insert(0, _NotForNltk())
