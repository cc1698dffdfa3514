"""Benchmarks of throughput, latency, memory and quality; each prints its figures and the bars they should reach."""
