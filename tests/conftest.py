"""Loaded before any test's module, one of which imports TFX before our own packages."""

import pipeline  # noqa: F401  sets what TF Recommenders needs before TFX asks for `tf.keras`
