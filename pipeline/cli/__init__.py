"""The command line `interestflow`: a file for each command, and helpers that commands share."""
