"""What several benchmarks share: data, processes that take turns, timing and cached results."""
