"""Hyper-parameters and declaration of BPR matrix factorization."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.matchers.hyperparameters import NegativeDistribution, RetrievalHyperparameters, RetrievalLoss
from interestflow.models.spec import ModelSpec


class BPRMFHyperparameters(RetrievalHyperparameters):
    """Hyper-parameters of matrix factorization by BPR; see `models/matchers/bpr_mf.py`."""

    name: Literal["bpr_mf"] = Field("bpr_mf", description="Name of the model.")
    loss: RetrievalLoss = "bpr"
    negative_distribution: NegativeDistribution = "uniform"


SPEC = ModelSpec(
    name="bpr_mf",
    family="matcher",
    implementation="interestflow.models.matchers.bpr_mf:BPRMF",
    hyperparameters=BPRMFHyperparameters,
    paper="Rendle et al., UAI 2009, arXiv 1205.2618",
    summary="Matrix factorization: one vector per user id and item id, without history or attributes.",
    baseline="two_tower",
    needs_user_ids=True,
)
