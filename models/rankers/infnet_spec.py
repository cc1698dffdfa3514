"""Hyper-parameters and declaration of INFNet."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
    Dropout,
    EmbeddingDimension,
    EmbeddingL2,
    HistoryAge,
    TowerActivation,
    TowerUnits,
)
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import PositiveInt


class INFNetHyperparameters(RankerHyperparameters):
    """Hyper-parameters of Task-aware Information Flow Network; see `models/rankers/infnet.py`."""

    name: Literal["infnet"] = Field("infnet", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    field_proxies: PositiveInt = Field(
        4, description="Proxy tokens that stand for the field tokens in cross attention; the paper's m."
    )
    task_proxies: PositiveInt = Field(
        2, description="Proxy tokens that all tasks share; the paper's number of shared tasks."
    )
    blocks: PositiveInt = Field(2, description="Blocks of cross attention and proxy gating, one after the other.")
    gate_units: PositiveInt = Field(32, description="Hidden units of the MLP in each proxy gate.")
    variant: Literal["v1", "v2"] = Field(
        "v1", description="Version of the paper whose block is built; v2 is our reconstruction from its abstract."
    )
    tower_units: TowerUnits = (64,)
    activation: TowerActivation = "prelu"
    dropout: Dropout = 0.0
    behaviour_type: str | None = Field(
        None,
        description="Name of the categorical attribute along the history that tells a behaviour's type; without it, "
        "all behaviours are of one type.",
    )
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0


SPEC = ModelSpec(
    name="infnet",
    family="ranker",
    implementation="interestflow.models.rankers.infnet:INFNet",
    hyperparameters=INFNetHyperparameters,
    paper="arXiv 2508.11565",
    summary="Lets fields, behaviours and tasks exchange information, for several labels per impression.",
    baseline="pooled",
)
