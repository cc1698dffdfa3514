"""The Beam job from raw logs to examples, and the report of what it read, left out and wrote."""
