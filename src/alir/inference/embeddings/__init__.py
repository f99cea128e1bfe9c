"""The embedding model: found without the network where possible, computing on its own threads."""

from alir.inference.embeddings.find import find_model
from alir.inference.embeddings.local import LocalEmbedding
from alir.inference.embeddings.model_folder import ModelFolder

__all__ = ["LocalEmbedding", "ModelFolder", "find_model"]
