"""Metrics of rankers, exact and vectorised, as TFMA computes them over any amount of data."""
