"""The matchers' hyper-parameters. Imports no Keras, so that it reads fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from interestflow.models.matchers.kgat_hyperparameters import KGATHyperparameters
from interestflow.models.section import NonNegative, Positive, PositiveInt, Rate, Section


class MatcherHyperparameters(Section):
    """What every matcher has that learns from positives: the size of its vectors and its loss."""

    embedding_dimension: PositiveInt = 32
    normalize: bool = Field(False, description="Whether all vectors have length 1, so that products are cosines.")
    item_bias: bool = Field(
        True, description="Whether each item has a number of its own that is the same for every user."
    )
    loss: Literal["in_batch_softmax", "sampled_softmax", "bpr"] = "in_batch_softmax"
    temperature: Positive = Field(1.0, description="By which a loss divides products; normalised ones want about 0.1.")
    popularity_correction: bool = Field(
        True, description="Whether a softmax subtracts the logarithm of how often each item is drawn (logQ)."
    )
    hard_negatives: PositiveInt | None = Field(
        None, description="Of the other items of a batch, how many of the highest scores count; None is all."
    )
    negatives: PositiveInt = Field(256, description="Items drawn a batch by sampled_softmax and bpr.")
    negative_distribution: Literal["uniform", "empirical", "log_uniform"] = Field(
        "empirical",
        description="Of what is drawn: all items alike, by their counts, or by their rank in the vocabulary.",
    )
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0


class PopularityHyperparameters(Section):
    """The most frequent items for everybody; nothing is learned."""


class TwoTowerHyperparameters(MatcherHyperparameters):
    """The plain baseline of the matchers; see `models/matchers/two_tower.py`."""

    tower_units: tuple[PositiveInt, ...] = Field((), description="Hidden layers of each tower; none: no tower at all.")
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "relu"
    dropout: Rate = 0.0


class ComiRecHyperparameters(MatcherHyperparameters):
    """ComiRec's self-attentive form; see `models/matchers/comirec.py`."""

    interests: PositiveInt = 4
    attention_units: PositiveInt | None = Field(None, description="None: four times the vectors' width.")
    readout: Literal["best", "target"] = Field(
        "best",
        description="In training: each item by its best interest, as served; or the paper's, all by the target's best.",
    )


class BPRMFHyperparameters(MatcherHyperparameters):
    """Matrix factorisation by BPR; see `models/matchers/bpr_mf.py`."""

    loss: Literal["in_batch_softmax", "sampled_softmax", "bpr"] = "bpr"
    negative_distribution: Literal["uniform", "empirical", "log_uniform"] = "uniform"


class HCNHyperparameters(MatcherHyperparameters):
    """HCN-style co-interests of a long and a short history; see `models/matchers/hcn.py`."""

    interests: PositiveInt = Field(4, description="Centres of each of the two horizons.")
    recent: PositiveInt | None = Field(
        None,
        description="Newest behaviours, the short history; the others are the long. None: a quarter of all, from 2.",
    )
    rounds: PositiveInt = 3
    centre_temperature: Positive = 0.1
    soft_temperature: Positive = Field(0.1, description="Of the soft maximum over interests that training scores by.")
    redundancy_weight: NonNegative = 0.0


class DESMILHyperparameters(ComiRecHyperparameters):
    """Deep Stable Multi-Interest Learning; see `models/matchers/desmil.py`."""

    fourier_features: PositiveInt = 16
    weight_steps: PositiveInt = 50
    weight_learning_rate: Positive = 0.1
    weight_penalty: NonNegative = Field(0.3, description="Of weights that are far from equal.")


class IDNPHyperparameters(MatcherHyperparameters):
    """Interest Dynamics via Neural Processes; see `models/matchers/idnp.py`. The sizes are ours
    but for the context's."""

    window_length: PositiveInt = Field(5, description="Behaviours of a window.")
    context_length: PositiveInt = Field(20, description="Newest windows that are observed; the paper has 16 to 24.")
    dilations: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 4)
    time_dimension: Annotated[int, Field(ge=2, multiple_of=2)] = 16
    aggregation: Literal["precision", "mean"] = Field(
        "precision", description="Of the latent path: its width falls with every point; or only as training has it."
    )
    divergence: Literal["kl", "wasserstein"] = "kl"
    divergence_weight: NonNegative = 1.0
    divergence_warm_up: PositiveInt = Field(1, description="Epochs until the divergence has its whole weight.")
    decoder_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64,)
    path_dropout: Rate = Field(
        0.1, description="Share of rows that training leaves to the latent path alone, so that it is not ignored."
    )


MATCHER_HYPERPARAMETERS: dict[str, type[Section]] = {
    "popularity": PopularityHyperparameters,
    "two_tower": TwoTowerHyperparameters,
    "comirec": ComiRecHyperparameters,
    "bpr_mf": BPRMFHyperparameters,
    "hcn": HCNHyperparameters,
    "desmil": DESMILHyperparameters,
    "idnp": IDNPHyperparameters,
    "kgat": KGATHyperparameters,
}
