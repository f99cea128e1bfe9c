"""LlamaIndex metadata filters as Milvus boolean expressions: the only place that writes one.

Every value is escaped, and what cannot be expressed is refused, never dropped: a filter that
silently disappears returns other people's rows.
Grammar: https://milvus.io/docs/boolean.md

What Milvus Lite 2.5 and Milvus 2.3 answer alike, of a row whose metadata has no such key, null
there, or a value of another kind (text, number, boolean, list):
- `==`, `<`, `<=`, `>`, `>=`, `in`, `text_match`, `contains`, `any` and `all` do not match it;
- `!=` and `nin` match it: they are the exact opposites of `==` and `in`;
- `is_empty` matches whatever is not a list with something in it: text and numbers, too.
Numbers are compared across int and float, text by its UTF-8 bytes. `text_match` finds a text
anywhere (MilvusVectorStore: at the beginning). A `not` matches when none of its filters does, as
in LlamaIndex's own stores.
"""

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from pymilvus import DataType

from alir.errors import InvalidFilter
from alir.milvus.json_faults import HALF_A_CHARACTER, is_whole

_COMPARISONS = {
    FilterOperator.EQ: "==",
    FilterOperator.NE: "!=",
    FilterOperator.GT: ">",
    FilterOperator.GTE: ">=",
    FilterOperator.LT: "<",
    FilterOperator.LTE: "<=",
}
_LISTS = {FilterOperator.IN: "in", FilterOperator.NIN: "not in"}
_ARRAYS = {
    FilterOperator.CONTAINS: "array_contains",
    FilterOperator.ANY: "array_contains_any",
    FilterOperator.ALL: "array_contains_all",
}
_OPPOSITES = {
    FilterOperator.EQ: FilterOperator.NE,
    FilterOperator.NE: FilterOperator.EQ,
    FilterOperator.IN: FilterOperator.NIN,
    FilterOperator.NIN: FilterOperator.IN,
}
_OF_LISTS = {*_ARRAYS, FilterOperator.IS_EMPTY}
_SCALAR_LISTS = {
    "ARRAY_CONTAINS({key}, {value})": "contains",
    "ARRAY_CONTAINS_ANY({key}, {value})": "any",
    "ARRAY_CONTAINS_ALL({key}, {value})": "all",
}
_SCALAR_LENGTHS = {
    "ARRAY_LENGTH({key}) == {value}": "==",
    "ARRAY_LENGTH({key}) != {value}": "!=",
}


_VECTORS = {
    DataType.FLOAT_VECTOR,
    DataType.BINARY_VECTOR,
    DataType.FLOAT16_VECTOR,
    DataType.BFLOAT16_VECTOR,
    DataType.SPARSE_FLOAT_VECTOR,
}
MAX_NESTED = 24
"""Levels of filters: the messages of Milvus nest 100 deep at most, several for each level."""
FLAT = 8
"""Filters that are joined in one row; more are joined by halves."""


@dataclass(frozen=True, slots=True)
class FilterDialect:
    """The fields and operators that filters can use, in one collection on one Milvus."""

    fields: Mapping[str, DataType] = field(default_factory=dict)
    """The fields of the schema; every other key is of the metadata."""
    negates: bool = True
    """Whether there is `not (...)`: not in Milvus Lite."""
    matches_inside: bool = True
    """Whether `like` finds text in the middle: not before Milvus 2.4."""


def to_expression(
    filters: MetadataFilters | None, dialect: FilterDialect, *, negated: bool = False
) -> str:
    """Return the Milvus expression of `filters`; the empty string when there are none.

    Raises:
        InvalidFilter: a key, value or operator that Milvus, or this Milvus, cannot express.
    """
    if filters is None or not filters.filters:
        return ""
    _refuse_too_deep(filters)
    return _expression(filters, dialect, negated=negated)


def _expression(filters: MetadataFilters, dialect: FilterDialect, *, negated: bool) -> str:
    if filters.condition == FilterCondition.NOT:
        negated = not negated
    # By De Morgan's laws a negation is carried down: Milvus Lite can say some of it only there.
    either = (filters.condition in {FilterCondition.OR, FilterCondition.NOT}) != negated
    parts = [
        _expression(part, dialect, negated=negated)
        if isinstance(part, MetadataFilters)
        else _comparison(part, dialect, negated=negated)
        for part in filters.filters
    ]
    return _balanced([part for part in parts if part], " or " if either else " and ")


def _balanced(parts: Sequence[str], operator: str) -> str:
    """Return the parts joined by halves: Milvus nests a row of them, and takes no deep nest."""
    if len(parts) < 2:
        return "".join(parts)
    if len(parts) <= FLAT:
        return f"({operator.join(parts)})"
    middle = len(parts) // 2
    halves = (_balanced(half, operator) for half in (parts[:middle], parts[middle:]))
    return f"({operator.join(halves)})"


def _refuse_too_deep(filters: MetadataFilters) -> None:
    left = [(filters, 0)]
    while left:
        one, above = left.pop()
        depth = above + 1 + max(0, len(one.filters) // FLAT).bit_length()
        if depth > MAX_NESTED:
            key = next((part.key for part in one.filters if isinstance(part, MetadataFilter)), "")
            raise InvalidFilter(key, f"nests more than {MAX_NESTED} deep, which Milvus cannot read")
        left += [(part, depth) for part in one.filters if isinstance(part, MetadataFilters)]


def scalar_expression(filters: Sequence[Mapping[str, Any]], dialect: FilterDialect) -> str:
    """Return the Milvus expression of `milvus_scalar_filters`, MilvusVectorStore's second kind.

    Args:
        filters: each with a `key`, a `value` and a `FilterOperatorFunction` as `operator`.

    Raises:
        InvalidFilter: as for `to_expression`.
    """
    return both(*(_scalar_filter(one, dialect) for one in filters))


def among(field_name: str, values: Sequence[str]) -> str:
    """Return the expression that a field of the schema is one of `values`."""
    for value in values:
        if not isinstance(value, str):
            raise InvalidFilter(field_name, f"needs text, not {reprlib.repr(value)}")
    return f"{field_name} in {_list(field_name, values)}"


def after(field_name: str, value: str, expression: str = "") -> str:
    """Return `expression` of the rows in which a field comes after `value`, by bytes."""
    return both(f"{field_name} > {_quoted(field_name, value)}", expression)


def both(*expressions: str) -> str:
    """Return the conjunction of the expressions that are not empty."""
    present = [expression for expression in expressions if expression]
    return " and ".join(f"({part})" for part in present) if len(present) > 1 else "".join(present)


def name_of(key: str, dialect: FilterDialect) -> str:
    """Return how an expression names `key`: a field of the schema, or a key of the metadata."""
    if not isinstance(key, str):
        raise InvalidFilter(str(key), f"has the key {reprlib.repr(key)}, which is no text")
    if key in dialect.fields:
        if dialect.fields[key] in _VECTORS:
            raise InvalidFilter(key, "compares with a vector, which can only be searched")
        return key
    if not key or any(ord(character) < ord(" ") for character in key):
        raise InvalidFilter(key, "has an empty key, or one with a control character")
    # Never bare: `array_length == 1` ends the process of Milvus Lite, and `in` is no name.
    return f"$meta[{_quoted(key, key)}]"


def _comparison(one: MetadataFilter, dialect: FilterDialect, *, negated: bool) -> str:
    operator = one.operator
    if negated and operator in _OPPOSITES:
        operator, negated = _OPPOSITES[operator], False
    name = name_of(one.key, dialect)
    if operator in _OF_LISTS and one.key in dialect.fields:
        _need_list(one.key, dialect.fields[one.key])
    if operator == FilterOperator.IS_EMPTY:
        return f"array_length({name}) {'!=' if negated else '=='} 0"
    expression = _positive(name, one.key, operator, one.value, dialect)
    if not negated:
        return expression
    if not dialect.negates:
        raise InvalidFilter(
            one.key, f"negates {operator.value!r}, which Milvus Lite cannot; a Milvus server can"
        )
    return f"not ({expression})"


def _positive(
    name: str, key: str, operator: FilterOperator, value: Any, dialect: FilterDialect
) -> str:
    if operator in _COMPARISONS:
        return f"{name} {_COMPARISONS[operator]} {_value(key, value)}"
    if operator in _LISTS:
        return f"{name} {_LISTS[operator]} {_list(key, value)}"
    if operator == FilterOperator.CONTAINS:
        return f"{_ARRAYS[operator]}({name}, {_value(key, value)})"
    if operator in _ARRAYS:
        return f"{_ARRAYS[operator]}({name}, {_list(key, value)})"
    if operator == FilterOperator.TEXT_MATCH:
        if not dialect.matches_inside:
            raise InvalidFilter(key, "uses 'text_match', which needs Milvus 2.4 or newer")
        return f"{name} like {_pattern(key, value)}"
    raise InvalidFilter(key, f"uses {operator.value!r}, which Milvus does not have")


def _need_list(key: str, kind: DataType) -> None:
    if kind not in {DataType.ARRAY, DataType.JSON}:
        raise InvalidFilter(key, f"asks for a list, and the field is a {kind.name}")


def _value(key: str, value: object) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(key, value)
    if isinstance(value, int) and -(2**63) < value < 2**63:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise InvalidFilter(
        key,
        f"compares with {reprlib.repr(value)}; use a string, a number of 64 bits or a boolean",
    )


def _list(key: str, values: object) -> str:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple | set | frozenset):
        raise InvalidFilter(key, f"needs a list, not {reprlib.repr(values)}")
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not values:
        # Milvus Lite fails on one, with a message about fields.
        raise InvalidFilter(key, "compares with an empty list, which nothing is in")
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        values = [float(value) for value in values]
    elif len(kinds) > 1:
        raise InvalidFilter(key, "compares with a list of several kinds of values")
    return f"[{', '.join(_value(key, value) for value in values)}]"


def _pattern(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidFilter(key, f"matches text, not {reprlib.repr(value)}")
    if not value:
        # Milvus Lite finds it nowhere, a server everywhere.
        raise InvalidFilter(key, "matches an empty text")
    # % and _ are wildcards inside `like`; the text itself is meant.
    literal = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _quoted(key, f"%{literal}%")


def _quoted(key: str, text: str) -> str:
    if not is_whole(text):
        raise InvalidFilter(key, f"has {HALF_A_CHARACTER}")
    if "\n" in text or "\r" in text:
        # A server reads an escape where Milvus Lite reads a letter, and neither takes the raw one.
        raise InvalidFilter(key, "compares with a line break, which Milvus cannot do")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _scalar_filter(one: Mapping[str, Any], dialect: FilterDialect) -> str:
    if not isinstance(one, Mapping) or not {"key", "value"} <= one.keys():
        raise InvalidFilter(reprlib.repr(one), "has no 'key' or no 'value'")
    key, value = str(one["key"]), one["value"]
    # Equal to its text, and hashed as it: a FilterOperatorFunction is a str.
    operator = one.get("operator", next(iter(_SCALAR_LISTS)))
    if operator in _SCALAR_LENGTHS and isinstance(value, int):
        return f"array_length({name_of(key, dialect)}) {_SCALAR_LENGTHS[operator]} {value}"
    negated = operator.startswith("not ")
    meant = _SCALAR_LISTS.get(operator.removeprefix("not "))
    if meant is None:
        raise InvalidFilter(key, f"uses {operator!r} with {value!r}, which Milvus does not have")
    condition = FilterCondition.NOT if negated else FilterCondition.AND
    listed = MetadataFilter(key=key, value=value, operator=meant)
    return to_expression(MetadataFilters(filters=[listed], condition=condition), dialect)
