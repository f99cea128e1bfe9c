"""What a key may do. It loads no library: `alir keys` only wants to look."""

from typing import Literal, get_args

Scope = Literal["read", "write", "admin"]
"""Each may do what those before it may."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


def allows(held: Scope, needed: Scope) -> bool:
    """Return whether a key of the scope `held` may do what needs `needed`."""
    return SCOPES.index(held) >= SCOPES.index(needed)
