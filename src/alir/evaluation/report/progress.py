"""How a person who waits is told what is being measured."""

from collections.abc import Callable

Progress = Callable[[str], None]
"""Told what is being measured."""
