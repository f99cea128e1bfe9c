"""The JSON objects that the HTTP API takes and gives."""
