"""`milvus_scalar_filters`: the second kind of filter that `MilvusVectorStore.query` takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.vector_stores.types import FilterCondition, MetadataFilter, MetadataFilters

from alir.errors import InvalidFilter
from alir.milvus.filters import FilterDialect, both, name_of, to_expression

_LISTS = {
    "ARRAY_CONTAINS({key}, {value})": "contains",
    "ARRAY_CONTAINS_ANY({key}, {value})": "any",
    "ARRAY_CONTAINS_ALL({key}, {value})": "all",
}
_LENGTHS = {
    "ARRAY_LENGTH({key}) == {value}": "==",
    "ARRAY_LENGTH({key}) != {value}": "!=",
}


def scalar_expression(filters: Sequence[Mapping[str, Any]], dialect: FilterDialect) -> str:
    """Return the Milvus expression that all of `filters` hold.

    Args:
        filters: each with a `key`, a `value` and a `FilterOperatorFunction` as `operator`.

    Raises:
        InvalidFilter: as for `to_expression`.
    """
    return both(*(_expression(one, dialect) for one in filters))


def _expression(one: Mapping[str, Any], dialect: FilterDialect) -> str:
    key, value = str(one["key"]), one["value"]
    # Equal to its text, and hashed as it: a FilterOperatorFunction is a str.
    operator = one.get("operator", next(iter(_LISTS)))
    if operator in _LENGTHS and isinstance(value, int):
        return f"array_length({name_of(key, dialect)}) {_LENGTHS[operator]} {value}"
    negated = operator.startswith("not ")
    meant = _LISTS.get(operator.removeprefix("not "))
    if meant is None:
        raise InvalidFilter(key, f"uses {operator!r} with {value!r}, which Milvus does not have")
    condition = FilterCondition.NOT if negated else FilterCondition.AND
    listed = MetadataFilter(key=key, value=value, operator=meant)
    return to_expression(MetadataFilters(filters=[listed], condition=condition), dialect)
