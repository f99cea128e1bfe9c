"""How a measurement reports its progress."""

from collections.abc import Callable

Progress = Callable[[str], None]
"""Called with a line on what is being measured."""
