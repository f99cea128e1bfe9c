"""The embedding model: found without the network where possible, computing on its own threads."""

from alir.embedding.find import find_model
from alir.embedding.local import LocalEmbedding
from alir.embedding.model_folder import ModelFolder

__all__ = ["LocalEmbedding", "ModelFolder", "find_model"]
