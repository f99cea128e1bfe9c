"""Alir put together from its settings, and what stands around a run of it."""
