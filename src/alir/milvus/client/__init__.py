"""The connection to Milvus: calls, retries, outages, Milvus Lite."""
