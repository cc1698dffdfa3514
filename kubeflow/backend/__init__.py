"""Execution of a compiled specification on one machine, as the open-source backend of Kubeflow Pipelines does it."""

BACKEND_VERSION = "2.16.1"
"""Version of Kubeflow Pipelines whose API server, driver and launcher this package follows."""
