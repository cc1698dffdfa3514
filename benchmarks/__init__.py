"""Benchmarks of throughput, latency, memory and quality; each prints its figures beside their bars."""
