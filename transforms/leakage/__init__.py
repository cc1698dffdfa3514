"""Leak check: examples compared with those that the log implies, and the AUC that each single feature reaches."""
