"""What the steps of a question do with text alone."""
