"""Leak check: examples compared with what the log says, and the AUC that each feature reaches alone."""
