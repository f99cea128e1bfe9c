"""What is kept on the disk beside Milvus: the ledger, the sessions, the keys."""
