"""`python -m dnabench` is `dnabench`."""

from dnabench.harness.cli import main

main()
