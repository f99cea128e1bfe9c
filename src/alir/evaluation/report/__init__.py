"""The report of an evaluation or a benchmark: tables, plots and a page."""
