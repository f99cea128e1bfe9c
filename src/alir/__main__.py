"""`python -m alir`: the command line."""

from alir.cli.main import main

main()
