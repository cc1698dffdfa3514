"""TFX pipeline that joins transforms, models and serving, and its command line; only this package imports them all."""

from __future__ import annotations

import os

# TF Recommenders consists of Keras 2 layers, which `tf.keras` provides if this is set before anything imports it. TF
# Transform sets it too, but TensorFlow Model Analysis, which does not, may be imported first. The models of this
# project are Keras 3 in any case.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
