"""The steps: plain functions, values in and values out, collaborators as keyword arguments."""
