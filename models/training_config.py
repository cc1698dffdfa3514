"""Sections `training` and `embeddings` of a configuration. Imports no Keras, so that it reads fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from interestflow.section import NonNegativeInt, Positive, PositiveInt, Section

ROW_SPARSE = ("sparse_adagrad", "rowwise_adagrad", "lazy_adam")
"""Optimizers that update only the embedding rows of the batch."""


class DenseOptimizerConfig(Section):
    """Optimizer of all weights that are not embedding tables."""

    name: Literal["adagrad", "adam", "sgd"] = Field(description="Name of the optimizer.")
    learning_rate: Positive = Field(description="Learning rate of the optimizer.")


class OptimizerConfig(Section):
    """Optimizer of all weights, or of the embedding tables where `dense` names another one for the rest."""

    name: Literal["sparse_adagrad", "rowwise_adagrad", "lazy_adam", "adagrad", "adam", "sgd"] = Field(
        "sparse_adagrad",
        description="Name of the optimizer. The first three update only the embedding rows of the batch, the others "
        "every row. `rowwise_adagrad` keeps one number for each row, `sparse_adagrad` one for each weight, `lazy_adam` "
        "two.",
    )
    learning_rate: Positive = Field(0.05, description="Learning rate of the optimizer.")
    clip_norm: Positive | None = Field(
        None, description="Largest norm of all gradients together, to which they are scaled down."
    )
    dense: DenseOptimizerConfig | None = Field(
        None, description="Optimizer of all weights that are not embedding tables; by default the same."
    )

    @model_validator(mode="after")
    def _has_row_sparse_optimizer_beside_dense(self) -> OptimizerConfig:
        if self.dense is not None and self.name not in ROW_SPARSE:
            raise ValueError(
                f"`name` should be one of {', '.join(ROW_SPARSE)} where there is a `dense` one, received {self.name!r}"
            )
        return self


class EmbeddingConfig(Section):
    """Layout of a feature's embedding table, where it does not have one row for each id."""

    kind: Literal["quotient_remainder"] = Field(
        description="Layout: two small tables, indexed by the quotient and the remainder of the id."
    )
    buckets: Annotated[int, Field(ge=2)] = Field(
        description="Rows of the remainder table; the quotient table has the number of ids divided by it."
    )
    combine: Literal["product", "sum"] = Field(
        "product", description="How the embeddings of the two tables are combined, element by element."
    )


class EarlyStoppingConfig(Section):
    """When training stops before its last epoch, and which epoch's weights it keeps."""

    metric: Literal["auc", "log_loss", "ndcg_50", "recall_50"] | None = Field(
        None,
        description="Metric on the validation split that must improve; by default auc for rankers and ndcg_50 for "
        "matchers.",
    )
    patience: PositiveInt = Field(2, description="Epochs without improvement after which training stops.")


class TrainingConfig(Section):
    """How a model is trained."""

    batch_size: PositiveInt = Field(1024, description="Examples of a batch, over all replicas together.")
    epochs: PositiveInt = Field(5, description="Largest number of passes over the training split.")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="Optimizer of the weights.")
    early_stopping: EarlyStoppingConfig | None = Field(
        EarlyStoppingConfig(), description="When training stops early; null trains all epochs."
    )
    seed: int = Field(17, description="Seed of initial weights, shuffling and sampling.")
    shuffle_buffer: PositiveInt = Field(
        100_000,
        description="Examples that are read from all over the split and shuffled together, where it is read anew each "
        "epoch.",
    )
    batch_by_length: bool = Field(
        False,
        description="Whether batches are made of histories of about the same length, to save padding.",
    )
    mixed_precision: bool = Field(
        False,
        description="Whether layers compute in half precision: bfloat16, or float16 on GPUs older than Ampere.",
    )
    xla: bool = Field(False, description="Whether XLA compiles the training step.")
    native_kernels: bool = Field(
        False,
        description="Whether training on a CPU computes attention by kernels in C++, which `g++` compiles at their "
        "first use; not together with `xla`.",
    )
    steps_per_execution: PositiveInt = Field(1, description="Training steps that run in one call of TensorFlow.")
    checkpoint_steps: PositiveInt = Field(
        2000, description="Steps between two backups, from which an interrupted training resumes."
    )
    cache_limit_mb: NonNegativeInt = Field(
        2048,
        description="Largest size of a split, in MB, that is read once and cached in memory, and at most a quarter of "
        "`memory`; a larger one is read anew each epoch.",
    )
    max_embedding_memory_mb: PositiveInt | None = Field(
        None,
        description="Largest memory of the embedding tables and their optimizer slots, in MB; above it, the run fails "
        "before it trains. By default unlimited.",
    )

    @model_validator(mode="after")
    def _has_kernels_or_xla(self) -> TrainingConfig:
        if self.native_kernels and self.xla:
            raise ValueError("`native_kernels` should be false where `xla` is true, received true for both")
        return self
