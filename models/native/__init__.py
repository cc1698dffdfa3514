"""Kernels in C++ for the training step on a CPU, and the TensorFlow operations that do the same without them."""
