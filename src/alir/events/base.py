"""What every event of alir has: each field is declared; the engine's own accept anything."""

from typing import Any, ClassVar

from workflows.events import Event

Seconds = dict[str, float]
"""Seconds spent, by step."""


class StrictEvent(Event):
    """Refuses a field that it does not declare."""

    _fields: ClassVar[frozenset[str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._fields = frozenset(cls.model_fields)

    def __init__(self, **params: Any) -> None:
        unknown = params.keys() - self._fields - {"_data"}
        if unknown:
            fields = ", ".join(type(self).model_fields) or "none"
            raise TypeError(
                f"{type(self).__name__} has no field {', '.join(sorted(unknown))}; it has {fields}"
            )
        super().__init__(**params)

    def __repr__(self) -> str:
        """Name the event and its values, of many only how many: the engine asks at each step."""
        shown = (f"{name}={_short(getattr(self, name))}" for name in type(self).model_fields)
        return f"{type(self).__name__}({', '.join(shown)})"


def rounded(seconds: Seconds) -> Seconds:
    """Return the seconds to a tenth of a millisecond, for JSON."""
    return {step: round(value, 4) for step, value in seconds.items()}


def _short(value: object) -> str:
    if isinstance(value, list) and value:
        return f"[{len(value)} items]"
    return repr(value)
