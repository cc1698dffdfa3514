"""`python -m pipeline` is `interestflow`."""

from pipeline.command_line import main

main()
