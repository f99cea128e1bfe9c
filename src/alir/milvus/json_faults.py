"""What of a node cannot be written as JSON, in words for the one who made the node."""

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from llama_index.core.schema import BaseNode, MetadataMode
from pydantic_core import to_json

MAX_DEPTH = 100
"""Of nested values; deeper ones are not looked at, and no JSON library writes many more."""

HALF_A_CHARACTER = "text with half a character, a lone surrogate"


def fault_of(node: BaseNode) -> str:
    """Return what is wrong with `node`, which could not be written: the field and the reason."""
    if not isinstance(node.node_id, str):
        return f"its id is {reprlib.repr(node.node_id)}, not text"
    texts = {"id": node.node_id, "text": node.get_content(metadata_mode=MetadataMode.NONE)}
    for name, text in texts.items():
        if reason := fault_in(text):
            return f"its {name} is {reason}"
    others = [
        related.metadata
        for one in node.relationships.values()
        for related in (one if isinstance(one, list) else [one])
    ]
    for what, metadata in [
        ("metadata", node.metadata),
        *(("relationships", one) for one in others),
    ]:
        for key, value in metadata.items():
            if reason := fault_in(key):
                return f"a key of its {what} is {reason}"
            if reason := fault_in(value):
                return f"its {what} {reprlib.repr(key)} holds {reason}"
    return "one of its fields holds no JSON value"


def fault_in(value: Any) -> str | None:
    """Return what in `value` cannot be written as JSON; None if all of it can."""
    left = [(value, 0)]
    while left:
        one, depth = left.pop()
        if depth > MAX_DEPTH:
            return f"values nested more than {MAX_DEPTH} deep, or in themselves"
        if isinstance(one, np.generic | np.ndarray):
            one = one.tolist()
        if isinstance(one, Mapping):
            left += [(part, depth + 1) for pair in one.items() for part in pair]
        elif isinstance(one, list | tuple | set | frozenset):
            left += [(part, depth + 1) for part in one]
        elif reason := _fault_in_one(one):
            return reason
    return None


def _fault_in_one(value: object) -> str | None:
    if isinstance(value, bytes | bytearray):
        try:
            value.decode()
        except UnicodeDecodeError:
            return "bytes that are no UTF-8 text"
    elif isinstance(value, str):
        return None if is_whole(value) else HALF_A_CHARACTER
    elif isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else "a whole number of more than 64 bits"
    elif value is not None and not isinstance(value, float):
        return _fault_in_object(value)
    return None


def _fault_in_object(value: object) -> str | None:
    try:
        to_json(value)
    except (RecursionError, TypeError, ValueError):
        return f"a {type(value).__name__}, which JSON does not have"
    return None


def is_whole(text: str) -> bool:
    """Return whether `text` has no half of a surrogate pair, which UTF-8 does not have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
