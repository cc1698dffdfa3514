"""Hyper-parameters and declaration of KGAT."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from interestflow.models.hyperparameters import EmbeddingDimension
from interestflow.models.matchers.hyperparameters import MatcherHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import NonNegative, Positive, PositiveInt, Rate


class KGATHyperparameters(MatcherHyperparameters):
    """Hyper-parameters of Knowledge Graph Attention Network; see `models/matchers/kgat.py`.

    Sizes and penalties are the authors'; their learning rate is 0.0001.
    """

    name: Literal["kgat"] = Field("kgat", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 64
    relation_dimension: PositiveInt = Field(64, description="Width of the space that TransR projects nodes to.")
    layer_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (64, 32, 16), description="Units of each propagation layer, first to last."
    )
    message_dropout: Rate = Field(0.1, description="Share of a propagation layer's outputs that training drops.")
    embedding_l2: NonNegative = Field(
        1e-5,
        description="Weight of the L2 penalty on the user, item and negative vectors of a batch: half of it times the "
        "mean over rows of their squares.",
    )
    graph_learning_rate: Positive = Field(
        0.001, description="Learning rate of the Adam optimizer that trains on the graph's triples."
    )
    graph_batch_size: PositiveInt = Field(2048, description="Triples of each batch of the graph's own training.")
    graph_steps: PositiveInt | None = Field(
        None, description="Batches of triples after each epoch; without it, as many as cover all edges once."
    )
    graph_l2: NonNegative = Field(1e-5, description="Weight of the L2 penalty in the loss of the triples.")
    fold_in_length: PositiveInt = Field(
        5, description="Newest behaviours from which a user's vector is computed at serving time."
    )


SPEC = ModelSpec(
    name="kgat",
    family="matcher",
    implementation="interestflow.models.matchers.kgat:KGAT",
    hyperparameters=KGATHyperparameters,
    paper="Wang et al., KDD 2019, arXiv 1905.07854",
    summary="Propagates over a graph of users, items and item facts, for sparse logs with a knowledge graph.",
    baseline="two_tower",
    needs_user_ids=True,
    needs_graph=True,
    no_tables_reason="its vectors are of the graph's nodes",
    no_xla_reason="multiplies by a sparse matrix",
)
