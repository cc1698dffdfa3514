"""Submission of a compiled specification to the API of Kubeflow Pipelines."""
