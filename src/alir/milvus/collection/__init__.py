"""One Milvus collection: its schema, how it is opened, and the requests to it."""
