"""`python -m pipeline` is `interestflow`."""

from pipeline.entry_point import main

main()
