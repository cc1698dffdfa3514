"""Sizing of a run before anything runs: time, memory, disk and bytes moved by step, and the limit that comes first."""
