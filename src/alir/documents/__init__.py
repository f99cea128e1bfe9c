"""Documents to text and chunks."""
