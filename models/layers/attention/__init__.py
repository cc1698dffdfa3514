"""Attention layers: target attention, multi-interest extraction, transformer blocks."""
