"""Transformed examples as Arrow columns: their format, the writer, and the reader."""
