"""The vector stores of one index, with the options that the settings give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alir.milvus.collection.analyzers import ANALYZERS
from alir.milvus.store import AlirMilvusStore
from alir.models.fingerprint import Fingerprint
from alir.settings import Settings


@dataclass(frozen=True, slots=True)
class StoreFactory:
    """Opens collections; each connects at its first use.

    Args:
        dim: of the vectors; None takes what comes.
        fingerprint: what a new collection is made with.
    """

    settings: Settings
    metric: str
    dim: int | None
    fingerprint: Callable[[], Fingerprint]

    def open_store(self, collection: str, *, is_alias: bool = False) -> AlirMilvusStore:
        """Open a collection of chunks."""
        return self._open(
            collection,
            dim=self.dim,
            similarity_metric=self.metric,
            consistency_level=self.settings.consistency_level,
            upsert_mode=True,
            enable_sparse=None,
            analyzer_params=ANALYZERS[self.settings.analyzer],
            index_config={"index_type": "FLAT" if self.settings.is_lite else "AUTOINDEX"},
            fingerprint=self.fingerprint,
            is_alias=is_alias,
        )

    def open_reader(self, collection: str) -> AlirMilvusStore:
        """Open a collection to read its rows, whatever its vectors are."""
        return self._open(collection, enable_dense=False, enable_sparse=True)

    def _open(self, collection: str, **options: Any) -> AlirMilvusStore:
        settings = self.settings
        return AlirMilvusStore(
            settings.milvus_uri,
            settings.milvus_token.get_secret_value(),
            collection,
            timeout_s=settings.timeout_s,
            outage_s=settings.outage_s,
            **options,
        )
