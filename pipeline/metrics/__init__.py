"""Metrics of rankers and matchers: their registry, exact vectorised functions, and adapters for TFMA and training."""
