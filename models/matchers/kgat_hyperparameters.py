"""KGAT's hyper-parameters; see `models/matchers/kgat.py`. Imports no Keras."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from interestflow.models.section import NonNegative, Positive, PositiveInt, Rate, Section


class KGATHyperparameters(Section):
    """Knowledge Graph Attention Network. Sizes and penalties are the authors'; their learning rate is 0.0001."""

    embedding_dimension: PositiveInt = 64
    relation_dimension: PositiveInt = 64
    layer_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 32, 16)
    message_dropout: Rate = 0.1
    embedding_l2: NonNegative = 1e-5
    graph_learning_rate: Positive = Field(0.001, description="Of the graph's own Adam.")
    graph_batch_size: PositiveInt = 2048
    graph_steps: PositiveInt | None = Field(
        None, description="Batches of triples after each epoch; None: as many as there are edges."
    )
    graph_l2: NonNegative = 1e-5
    folded_behaviours: PositiveInt = Field(
        5, description="The newest items of a history, of which a user's vector is made when it is asked for."
    )
