"""LlamaIndex metadata filters as Milvus boolean expressions: the only place that writes one.

Every value is escaped, and what cannot be expressed is refused, never dropped: a filter that
silently disappears returns other people's rows.
Grammar: https://milvus.io/docs/boolean.md
"""

import math
import re
from collections.abc import Sequence

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from alir.errors import InvalidFilter

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_COMPARISONS = {
    FilterOperator.EQ: "==",
    FilterOperator.NE: "!=",
    FilterOperator.GT: ">",
    FilterOperator.GTE: ">=",
    FilterOperator.LT: "<",
    FilterOperator.LTE: "<=",
}
_OPPOSITES = {
    FilterOperator.EQ: FilterOperator.NE,
    FilterOperator.GT: FilterOperator.LTE,
    FilterOperator.LT: FilterOperator.GTE,
    FilterOperator.IN: FilterOperator.NIN,
}
_OPPOSITES |= {opposite: operator for operator, opposite in _OPPOSITES.items()}
_LISTS = {FilterOperator.IN: "in", FilterOperator.NIN: "not in"}
_ARRAYS = {
    FilterOperator.CONTAINS: "array_contains",
    FilterOperator.ANY: "array_contains_any",
    FilterOperator.ALL: "array_contains_all",
}


def to_expression(filters: MetadataFilters | None) -> str:
    """Return the Milvus expression of `filters`; the empty string when there are none.

    Raises:
        InvalidFilter: a key, value or operator that Milvus cannot express.
    """
    if filters is None or not filters.filters:
        return ""
    if filters.condition == FilterCondition.NOT:
        return to_expression(_negated(filters))
    parts = [
        to_expression(part) if isinstance(part, MetadataFilters) else _comparison(part)
        for part in filters.filters
    ]
    parts = [part for part in parts if part]
    word = " or " if filters.condition == FilterCondition.OR else " and "
    return f"({word.join(parts)})" if len(parts) > 1 else "".join(parts)


def among(field: str, values: Sequence[str]) -> str:
    """Return the expression that `field` is one of `values`."""
    return f"{_field(field)} in {_list(field, values)}"


def after(field: str, value: str) -> str:
    """Return the expression that `field` comes after `value` in Milvus's order, by bytes."""
    return f"{_field(field)} > {_quoted(field, value)}"


def both(*expressions: str) -> str:
    """Return the conjunction of the expressions that are not empty."""
    present = [expression for expression in expressions if expression]
    return " and ".join(f"({part})" for part in present) if len(present) > 1 else "".join(present)


def _negated(filters: MetadataFilters) -> MetadataFilters:
    """Carry a NOT down to the comparisons: Milvus Lite has no other way to say it."""
    opposites: list[MetadataFilter | MetadataFilters] = []
    for part in filters.filters:
        if isinstance(part, MetadataFilters):
            inner = {
                FilterCondition.AND: FilterCondition.NOT,
                FilterCondition.NOT: FilterCondition.AND,
            }.get(part.condition or FilterCondition.AND)
            if inner is None:
                negated = [MetadataFilters(filters=[p], condition="not") for p in part.filters]
                opposites.append(MetadataFilters(filters=negated))
            else:
                opposites.append(part.model_copy(update={"condition": inner}))
        elif part.operator in _OPPOSITES:
            opposites.append(part.model_copy(update={"operator": _OPPOSITES[part.operator]}))
        else:
            raise InvalidFilter(part.key, f"negates {part.operator.value!r}, which Milvus cannot")
    return MetadataFilters(filters=opposites, condition=FilterCondition.OR)


def _comparison(one: MetadataFilter) -> str:
    key, operator, value = one.key, one.operator, one.value
    field = _field(key)
    if operator in _COMPARISONS:
        return f"{field} {_COMPARISONS[operator]} {_value(key, value)}"
    if operator in _LISTS:
        return f"{field} {_LISTS[operator]} {_list(key, value)}"
    if operator == FilterOperator.CONTAINS:
        return f"array_contains({field}, {_value(key, value)})"
    if operator in _ARRAYS:
        return f"{_ARRAYS[operator]}({field}, {_list(key, value)})"
    if operator == FilterOperator.TEXT_MATCH:
        return f"{field} like {_pattern(key, value)}"
    if operator == FilterOperator.IS_EMPTY:
        return f"array_length({field}) == 0"
    raise InvalidFilter(key, f"uses {operator.value!r}, which Milvus does not have")


def _field(key: str) -> str:
    if _IDENTIFIER.match(key):
        return key
    if not key:
        raise InvalidFilter(key, "has an empty key")
    return f"$meta[{_quoted(key, key)}]"


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(key, value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise InvalidFilter(key, f"compares with {value!r}; use a string, a number or a boolean")


def _list(key: str, values: object) -> str:
    if not isinstance(values, list | tuple | set | frozenset):
        raise InvalidFilter(key, f"needs a list, not {values!r}")
    if not values:
        # Milvus Lite fails on one, with a message about fields.
        raise InvalidFilter(key, "compares with an empty list, which nothing is in")
    return f"[{', '.join(_value(key, value) for value in values)}]"


def _pattern(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidFilter(key, f"matches text, not {value!r}")
    # % and _ are wildcards inside `like`; the text itself is meant.
    literal = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _quoted(key, f"%{literal}%")


def _quoted(key: str, text: str) -> str:
    if "\n" in text or "\r" in text:
        # A server reads an escape where Milvus Lite reads a letter, and neither takes the raw one.
        raise InvalidFilter(key, "compares with a line break, which Milvus cannot do")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
