"""The ledger: a journal of what is in the collection, beside it, in SQLite."""

from alir.ledger.ledger import Ledger

__all__ = ["Ledger"]
