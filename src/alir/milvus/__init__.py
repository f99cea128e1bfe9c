"""Milvus: the connection, the vector store, and what the collection says of the files in it."""
