"""The command line `interestflow`: a file for each command, and what the commands share."""
