"""The models: the language model and the embeddings."""
