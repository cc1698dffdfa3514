"""Loaded before any test's module, one of which imports TFX before our own packages."""

import os

# Files run beside one another: TensorFlow's threads would only wait for each other's processor.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import interestflow.pipeline  # noqa: F401  sets what TF Recommenders needs before TFX asks for `tf.keras`
