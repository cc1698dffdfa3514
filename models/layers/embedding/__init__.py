"""Embedding tables, and the embeddings of items, users and context."""
