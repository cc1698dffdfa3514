"""What the `model` and `training` sections of a configuration may say. Imports no Keras, so that it reads fast."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from interestflow.models.matchers.hyperparameters import MATCHER_HYPERPARAMETERS
from interestflow.models.section import NonNegative, Positive, PositiveInt, Rate, Section


class PooledHyperparameters(Section):
    """The plain baseline: mean-pooled embeddings and an MLP."""

    embedding_dimension: PositiveInt = 16
    tower_units: tuple[PositiveInt, ...] = (200, 80)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "relu"
    dropout: Rate = 0.0
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0


class DINHyperparameters(Section):
    """Deep Interest Network; the names follow the paper's, see `models/rankers/din.py`."""

    embedding_dimension: PositiveInt = 16
    attention_units: tuple[PositiveInt, ...] = (80, 40)
    attention_normalization: Literal["none", "softmax"] = "none"
    attention_activation: Literal["relu", "prelu", "dice", "sigmoid"] = "sigmoid"
    tower_units: tuple[PositiveInt, ...] = (200, 80)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "dice"
    dropout: Rate = 0.0
    batch_normalization: bool = Field(
        False, description="As in the authors' code, not in the paper; see docs/decisions.md for what it does to time."
    )
    item_bias: bool = True
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0
    mini_batch_aware_l2: NonNegative = 0.0


class TINHyperparameters(Section):
    """Temporal Interest Network; see `models/rankers/tin.py`. The tower is DIN's, so that the two differ in
    their mechanism alone; the authors' code has 80 and 40 units with sigmoids."""

    embedding_dimension: PositiveInt = 16
    temporal_encoding: Literal["position", "gap", "both"] = Field(
        "position", description="By place, counted back from the target; by bucket of the time to it; or both."
    )
    target_representation: Literal["exact", "released"] = Field(
        "exact", description="The paper's product with the target; or the authors' code's, after a linear map."
    )
    tower_units: tuple[PositiveInt, ...] = (200, 80)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "dice"
    dropout: Rate = 0.0
    batch_normalization: bool = Field(False, description="As in the authors' code.")
    item_bias: bool = True
    embedding_l2: NonNegative = 0.0


class DIENHyperparameters(Section):
    """Deep Interest Evolution Network; see `models/rankers/dien.py`."""

    embedding_dimension: PositiveInt = 16
    attention: Literal["bilinear", "mlp"] = Field("bilinear", description="The paper's, or the authors' code's.")
    attention_units: tuple[PositiveInt, ...] = (80, 40)
    evolution: Literal["aigru", "agru", "augru", "augru_released"] = Field(
        "augru", description="The paper's cells; augru_released is the one that the authors published."
    )
    auxiliary_weight: NonNegative = 1.0
    tower_units: tuple[PositiveInt, ...] = (200, 80)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "dice"
    dropout: Rate = 0.0
    item_bias: bool = True
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0


class INFNetHyperparameters(Section):
    """Task-aware Information Flow Network; see `models/rankers/infnet.py`."""

    embedding_dimension: PositiveInt = 16
    field_proxies: PositiveInt = Field(4, description="The paper's m.")
    task_proxies: PositiveInt = Field(2, description="The paper's number of shared tasks.")
    blocks: PositiveInt = 2
    gate_units: PositiveInt = 32
    variant: Literal["v1", "v2"] = "v1"
    tower_units: tuple[PositiveInt, ...] = (64,)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "prelu"
    dropout: Rate = 0.0
    behaviour_type: str | None = Field(
        None, description="The category along the history whose values are behaviour types; None is one type for all."
    )
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its token.")
    embedding_l2: NonNegative = 0.0


class SharedBottomHyperparameters(Section):
    """The plain multi-task baseline; see `models/rankers/shared_bottom.py`."""

    embedding_dimension: PositiveInt = 16
    bottom_units: tuple[PositiveInt, ...] = (200,)
    tower_units: tuple[PositiveInt, ...] = (80,)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "relu"
    dropout: Rate = 0.0
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0


class DiffuMINHyperparameters(Section):
    """Diffusion-driven Multi-Interest Network; see `models/rankers/diffumin.py`."""

    embedding_dimension: PositiveInt = 16
    channels: PositiveInt = 4
    kept: PositiveInt = Field(100, description="Behaviours that a channel keeps at most, as in the authors' code.")
    kept_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0, description="Share of its behaviours that a channel keeps, as in the paper; the lower of both counts."
    )
    recent: PositiveInt = Field(10, description="Newest behaviours that the short-term interest is of.")
    heads: PositiveInt = 2
    denoising_steps: PositiveInt = 10
    diffusion_weight: NonNegative = 0.01
    contrast_weight: NonNegative = 0.001
    temperature: Annotated[float, Field(gt=0.0)] = 0.05
    tower_units: tuple[PositiveInt, ...] = (200, 80)
    activation: Literal["relu", "prelu", "dice", "sigmoid"] = "dice"
    dropout: Rate = 0.0
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0


class HCNRankerHyperparameters(Section):
    """HCN-style interests as a coarse ranker; see `models/rankers/hcn_ranker.py`."""

    embedding_dimension: PositiveInt = 16
    interests: PositiveInt = Field(4, description="Centres of each of the two horizons.")
    recent: PositiveInt | None = Field(None, description="Newest behaviours; None: a quarter of all, from 2.")
    rounds: PositiveInt = 3
    centre_temperature: Positive = 0.1
    soft_temperature: Positive = Field(0.1, description="Of the soft maximum over interests.")
    item_bias: bool = True
    history_age: bool = Field(False, description="Whether the age of each behaviour is part of its vector.")
    embedding_l2: NonNegative = 0.0


HYPERPARAMETERS: dict[str, type[Section]] = {
    "pooled": PooledHyperparameters,
    "din": DINHyperparameters,
    "dien": DIENHyperparameters,
    "tin": TINHyperparameters,
    "diffumin": DiffuMINHyperparameters,
    "infnet": INFNetHyperparameters,
    "shared_bottom": SharedBottomHyperparameters,
    "hcn_ranker": HCNRankerHyperparameters,
    **MATCHER_HYPERPARAMETERS,
}


class ModelConfig(BaseModel):
    """`name` picks the model; the other keys are its own hyper-parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @model_validator(mode="after")
    def _known_name_and_keys(self) -> ModelConfig:
        if self.name not in HYPERPARAMETERS:
            raise ValueError(f"`name` should be one of {', '.join(sorted(HYPERPARAMETERS))}, received {self.name!r}")
        HYPERPARAMETERS[self.name].model_validate(self.model_extra or {})
        return self

    @property
    def hyperparameters(self) -> Any:
        """The model's own hyper-parameters, defaults filled in: an instance of its class in `HYPERPARAMETERS`."""
        return HYPERPARAMETERS[self.name].model_validate(self.model_extra or {})

    @property
    def uses_history_negatives(self) -> bool:
        """Whether its training compares behaviours with items drawn beside them."""
        return getattr(self.hyperparameters, "auxiliary_weight", 0.0) > 0.0


class DenseOptimizerConfig(Section):
    """What all weights but the embedding tables are trained by."""

    name: Literal["adagrad", "adam", "sgd"]
    learning_rate: Annotated[float, Field(gt=0.0)]


ROW_SPARSE = ("sparse_adagrad", "rowwise_adagrad", "lazy_adam")


class OptimizerConfig(Section):
    """The first three update only the embedding rows of the batch; the others update every row.

    `rowwise_adagrad` keeps one number a row where `sparse_adagrad` keeps one a weight and `lazy_adam` two. Beside them
    `dense` may name another optimizer for all that is no embedding table.
    """

    name: Literal["sparse_adagrad", "rowwise_adagrad", "lazy_adam", "adagrad", "adam", "sgd"] = "sparse_adagrad"
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.05
    clip_norm: Annotated[float, Field(gt=0.0)] | None = Field(
        None, description="The norm over all gradients together that is not exceeded."
    )
    dense: DenseOptimizerConfig | None = None

    @model_validator(mode="after")
    def _dense_beside_rows(self) -> OptimizerConfig:
        if self.dense is not None and self.name not in ROW_SPARSE:
            raise ValueError(
                f"`name` should be one of {', '.join(ROW_SPARSE)} where there is a `dense` one, received {self.name!r}"
            )
        return self


class EmbeddingConfig(Section):
    """Layout of a feature's embedding table, where it has no row for every id."""

    kind: Literal["quotient_remainder"]
    buckets: Annotated[int, Field(ge=2)]
    combine: Literal["product", "sum"] = "product"


class EarlyStoppingConfig(Section):
    metric: Literal["auc", "log_loss", "ndcg_50", "recall_50"] | None = Field(
        None, description="Of the validation split; where it is not given, auc for rankers and ndcg_50 for matchers."
    )
    patience: PositiveInt = 2


class TrainingConfig(Section):
    """`batch_size` is the global one, over all replicas.

    A split is read once and kept where it takes at most `memory_megabytes`; a larger one is read anew each epoch.
    `batch_by_length` makes batches of histories of about the same length, without the padding that they share; only a
    split that is kept can be batched so.
    """

    batch_size: PositiveInt = 1024
    epochs: PositiveInt = 5
    optimizer: OptimizerConfig = OptimizerConfig()
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    seed: int = 17
    shuffle_buffer: PositiveInt = 100_000
    batch_by_length: bool = False
    mixed_precision: bool = False
    xla: bool = False
    steps_per_execution: PositiveInt = 1
    checkpoint_steps: PositiveInt = 2000
    memory_megabytes: Annotated[int, Field(ge=0)] = 2048
    table_memory_megabytes: PositiveInt | None = Field(
        None, description="What embedding tables and the optimizer's slots of them may take; beyond it nothing trains."
    )
