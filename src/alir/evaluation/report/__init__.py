"""What `alir eval` found, as tables, plots and a page."""
