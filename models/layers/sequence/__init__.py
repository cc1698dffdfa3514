"""Layers along a history: recurrences, windows, encodings of time, neural processes."""
