"""Limits by key, and limits on what runs at once."""
