"""Schema and statistics of raw examples."""
