"""The scopes of keys; it loads no library, so that `alir keys` starts fast."""

from typing import Literal, get_args

Scope = Literal["read", "write", "admin"]
"""Each includes those before it."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


def allows(held: Scope, needed: Scope) -> bool:
    """Return whether a key of scope `held` may do what needs scope `needed`."""
    return SCOPES.index(held) >= SCOPES.index(needed)
