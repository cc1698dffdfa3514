"""Replays what TensorFlow Serving was recorded to answer against a server, and compares the answers."""
