"""Compilation of a built TFX pipeline for Kubeflow Pipelines v2. Nothing here imports `interestflow.pipeline`."""
