"""Running Beam jobs on any runner: what must be there before one starts, and what must be there after it."""
