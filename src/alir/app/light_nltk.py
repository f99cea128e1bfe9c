"""nltk without SciPy and scikit-learn, which it imports for statistics that alir does not use.

They are a third of what a command takes to start, and 80 MB.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

_LEFT_OUT = {"scipy", "sklearn"}


class _NotForNltk(MetaPathFinder):
    """Hides them while nltk is imported; it can do without them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        nltk = getattr(sys.modules.get("nltk"), "__spec__", None)
        if fullname.partition(".")[0] in _LEFT_OUT and getattr(nltk, "_initializing", False):
            raise ModuleNotFoundError(f"left out of nltk: {fullname}", name=fullname)


def leave_out_statistics() -> None:
    """Hide them from nltk when this process imports it: for alir's own programs.

    A program that imports alir may want the whole of nltk.
    """
    sys.meta_path.insert(0, _NotForNltk())
