"""Milvus: the connection, the vector store, and the catalog of the files in a collection."""
