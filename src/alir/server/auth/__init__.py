"""Callers, their keys and their files."""
