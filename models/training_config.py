"""Sections `training` and `embeddings` of a configuration. Imports no Keras, so that it reads fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from interestflow.models.section import PositiveInt, Section


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

    A split is read once and kept where it takes at most `cache_limit_mb`; a larger one is read anew each epoch.
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
    cache_limit_mb: Annotated[int, Field(ge=0)] = 2048
    max_embedding_memory_mb: PositiveInt | None = Field(
        None, description="What embedding tables and the optimizer's slots of them may take; beyond it nothing trains."
    )
