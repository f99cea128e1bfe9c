"""Connections: how they are accepted, limited, and ended."""
