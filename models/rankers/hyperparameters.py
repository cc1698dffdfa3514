"""Base class of the rankers' hyper-parameters. Imports no Keras."""

from __future__ import annotations

from interestflow.models.hyperparameters import ModelHyperparameters


class RankerHyperparameters(ModelHyperparameters):
    """Hyper-parameters of a ranker, a model of `interestflow.models.rankers.base.Ranker`."""
