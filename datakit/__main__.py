"""`python -m datakit`."""

from datakit.cli import main

main()
