"""Encodings of raw features as TensorFlow operations: ids, buckets and standardized numbers."""
