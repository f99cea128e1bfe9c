"""`alir bench`."""
