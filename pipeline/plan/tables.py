"""Embedding tables of a model whose data have not been read yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput, QuotientRemainder
from interestflow.models.registry import build_ranker, spec
from interestflow.models.table_sizes import TableSize, table_sizes
from interestflow.models.training_config import OptimizerConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.training.model_inputs import SIDES
from interestflow.transforms.config import IdentityConfig
from interestflow.transforms.encoding.encoders import HISTORY_AGE_BUCKETS, bucket_rows, identity_rows

SLOTS: Mapping[str, float] = {
    "sparse_adagrad": 1.0, "rowwise_adagrad": 0.0, "lazy_adam": 2.0, "adagrad": 1.0, "adam": 2.0, "sgd": 0.0
}  # fmt: skip
"""Values that each optimizer keeps for each weight; `rowwise_adagrad` keeps one for each row."""


DEFAULT_WIDTH = 64
"""Width of embeddings of a model that does not say."""


def expected_inputs(config: PipelineConfig, items: float, users: float, values: Mapping[str, int]) -> ModelInputs:
    """Return the inputs that a model would have, with as many ids as the log is expected to have.

    Args:
        config: the configuration.
        items, users: distinct ids of the log.
        values: distinct values of each categorical attribute by name.
    """
    features = config.features

    def rows(identity: IdentityConfig, count: float) -> int:
        limit = identity.vocabulary_size or count
        return identity_rows(identity, None if identity.hash_buckets is not None else int(min(count, limit)))

    def layout(name: str, count: int) -> QuotientRemainder | None:
        embedding = config.embeddings.get(name)
        is_smaller = embedding is not None and embedding.buckets < count
        return QuotientRemainder(embedding.buckets, embedding.combine) if embedding and is_smaller else None

    categorical = []
    for attribute in features.attributes:
        if attribute.is_number:
            continue
        count = bucket_rows(attribute) if attribute.is_bucketed else rows(attribute, values.get(attribute.name, 0))
        categorical.append(
            CategoricalInput(
                attribute.name, count, SIDES[attribute.source],
                attribute.max_values if attribute.kind == "categorical_list" else None,
                "target" in attribute.use, "history" in attribute.use, layout(attribute.name, count),
            )
        )  # fmt: skip
    item_rows = rows(features.item, items)
    user_rows = rows(features.user, users) if features.user.in_model else None
    return ModelInputs(
        tasks=tuple(task.name for task in config.tasks),
        masked_tasks=tuple(task.name for task in config.tasks if task.mask is not None),
        item_rows=item_rows,
        user_rows=user_rows,
        item_layout=layout("item", item_rows),
        user_layout=None if user_rows is None else layout("user", user_rows),
        history_length=config.sequence.max_length,
        history_age_buckets=HISTORY_AGE_BUCKETS,
        categorical=tuple(categorical),
        history_negatives=config.sequence.history_negatives and config.model.uses_history_negatives,
        numeric=tuple(NumericInput(a.name, SIDES[a.source]) for a in features.attributes if a.is_number),
    )


def expected_tables(
    model: ModelHyperparameters, inputs: ModelInputs, optimizer: OptimizerConfig
) -> tuple[Sequence[TableSize], str | None]:
    """Return the embedding tables of a model with their optimizer slots, and what was assumed of them, if anything.

    Those of a ranker are the ones that it declares. A model that is built from the catalogue or from counts of items,
    which do not exist yet, is taken to have an embedding of its width for each item, user and value.
    """
    if not spec(model.name).is_matcher and model.item_counts_key is None:
        return table_sizes(lambda: build_ranker(model.name, inputs, model), optimizer), None
    width = int(getattr(model, "embedding_dimension", DEFAULT_WIDTH))
    rows = {"item": inputs.item_rows} | ({} if inputs.user_rows is None else {"user": inputs.user_rows})
    rows |= {category.name: category.rows for category in inputs.categorical}
    per_row = 4 if optimizer.name == "rowwise_adagrad" else 0
    slots = {name: int(count * (per_row + 4 * width * SLOTS[optimizer.name])) for name, count in rows.items()}
    tables = [TableSize(name, count, width, slots[name]) for name, count in rows.items()]
    return tables, f"{model.name} is taken to have a table of width {width} for items, users and each attribute"
