"""Base class of every model's hyper-parameters, and the keys that several models share. Imports no Keras."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from interestflow.section import NonNegative, Positive, PositiveInt, Rate, Section

ActivationName = Literal["relu", "prelu", "dice", "sigmoid"]
EmbeddingDimension = Annotated[int, Field(ge=1, description="Width of each embedding, in values.")]
EmbeddingL2 = Annotated[
    NonNegative,
    Field(
        description="Weight of the L2 penalty on the embeddings that a batch reads: half of it times the sum of their "
        "squares, divided by the batch size."
    ),
]
HistoryAge = Annotated[
    bool,
    Field(description="Whether the age of each behaviour, as a log2 bucket of the time since it, is embedded too."),
]
TowerUnits = Annotated[
    tuple[PositiveInt, ...], Field(description="Units of each hidden layer of the MLP that computes the logits.")
]
TowerActivation = Annotated[ActivationName, Field(description="Activation of the hidden layers of the MLP.")]
Dropout = Annotated[Rate, Field(description="Share of the MLP's hidden units that training drops.")]
ItemBias = Annotated[bool, Field(description="Whether each item has a learned bias, which is the same for every user.")]
HorizonInterests = Annotated[
    PositiveInt, Field(description="Interest centers of each of the two horizons, long and short term.")
]
RoutingIterations = Annotated[
    PositiveInt, Field(description="Updates of the interest centers, each of which reassigns behaviours.")
]
RoutingTemperature = Annotated[
    Positive, Field(description="Temperature of the softmax that assigns behaviours to interest centers.")
]


class ModelHyperparameters(Section):
    """Hyper-parameters of one model: the section `model` of a configuration.

    A subclass narrows `name` to its model's name (`name: Literal["din"] = "din"`), and overrides the properties below
    where the model needs something that depends on the values.
    """

    name: str = Field(description="Name of the model, which decides what other keys there are.")

    @property
    def uses_history_negatives(self) -> bool:
        """Whether training compares behaviours with the negatives sampled for them (`sequence.history_negatives`)."""
        return False

    @property
    def item_counts_key(self) -> str | None:
        """Key for which the model must know in how many training instances each item appears, or None."""
        return None
