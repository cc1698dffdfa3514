"""Settings that must be in place before any test module imports TensorFlow or TFX."""

import os

# Test files run in parallel, so more TensorFlow threads would only compete for processors.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import interestflow.pipeline  # noqa: F401  sets what TF Recommenders needs before TFX asks for `tf.keras`
from tests.object_stores import gcs, gcs_endpoint, s3, s3_endpoint  # noqa: F401  fixtures of every test
