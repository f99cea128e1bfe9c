"""Workflows and their runs as pictures."""
