"""Data, processes that take turns, timing and cached results, shared by several benchmarks."""
