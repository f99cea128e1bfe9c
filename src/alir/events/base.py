"""What every event of alir has: each field is declared; the engine's own accept anything."""

from typing import Any

from pydantic import BaseModel, model_validator
from workflows.events import Event

Seconds = dict[str, float]
"""Seconds spent, by step."""


class StrictEvent(Event):
    """Refuses a field that it does not declare."""

    # The engine's own would keep what is not declared, and hand only the rest to the validator.
    __init__ = BaseModel.__init__

    @model_validator(mode="before")
    @classmethod
    def refuse_undeclared_fields(cls, values: Any) -> Any:
        """Refuse and name the fields that are not declared.

        Raises:
            TypeError: there are some.
        """
        if isinstance(values, dict) and (unknown := values.keys() - cls.model_fields.keys()):
            fields = ", ".join(cls.model_fields) or "none"
            names = ", ".join(sorted(unknown))
            raise TypeError(f"{cls.__name__} has no field {names}; it has {fields}")
        return values

    def __repr__(self) -> str:
        """Show the values, of a list only its length: the engine asks at each step."""
        shown = (f"{name}={_short(getattr(self, name))}" for name in type(self).model_fields)
        return f"{type(self).__name__}({', '.join(shown)})"


def rounded(seconds: Seconds) -> Seconds:
    """Return the seconds to a tenth of a millisecond, for JSON."""
    return {step: round(value, 4) for step, value in seconds.items()}


def _short(value: object) -> str:
    if isinstance(value, list) and value:
        return f"[{len(value)} items]"
    return repr(value)
