"""Training pipeline for click-through and multi-interest recommenders on TensorFlow.

The packages, in the direction that data flows:

- `interestflow.transforms`: raw logs to model-ready tensors, by Apache Beam and TF Transform.
- `interestflow.models`: Keras 3 rankers and matchers, their layers, losses and optimizers.
- `interestflow.serving`: exported models, the client, and a local server in TensorFlow Serving's protocol.
- `interestflow.pipeline`: the TFX pipeline that joins them, and the command line.
- `interestflow.kubeflow`: the same pipeline as a Kubeflow Pipelines specification.

Importing this package imports none of them.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("interestflow")
except PackageNotFoundError:  # a clone that is imported from its folder and was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]


def __getattr__(name: str) -> object:
    """Return an artifact type such as `EvaluationArtifact`, which TFX on Kubeflow imports from here by its name.

    It is imported on first use, so that importing this package does not import TFX.
    """
    if not name.endswith("Artifact"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from interestflow.pipeline.artifacts import types

    return getattr(types, name)
