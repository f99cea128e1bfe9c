"""The command line: each command calls `Alir` and prints the result."""
