"""Losses of rankers and matchers, and auxiliary losses."""
