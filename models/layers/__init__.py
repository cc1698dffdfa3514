"""Layers that models are built from, each usable on its own."""
