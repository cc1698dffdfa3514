"""A built TFX pipeline on Kubeflow Pipelines: compiled, executed as the backend does, submitted, and its steps started.

Nothing here imports `interestflow.pipeline`.
"""
