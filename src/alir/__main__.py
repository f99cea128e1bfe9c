"""`python -m alir`: the command line."""

from alir.cli import main

main()
