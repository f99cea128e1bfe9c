"""What every request goes through, as plain ASGI."""
