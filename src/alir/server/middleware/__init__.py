"""The middleware of every request, as plain ASGI."""
