"""OpenAI's protocol: chat completions, embeddings and models."""
