"""Normalization, activations, dense towers and masked operations."""
