"""Layers and operations on graphs."""
