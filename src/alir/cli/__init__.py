"""The command line: each command is a thin shell over `Alir`."""
