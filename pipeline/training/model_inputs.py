"""Inputs of a model, derived from the configuration and the transform, and statistics of them in training."""

from __future__ import annotations

import numpy as np
import tensorflow_transform as tft

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput, QuotientRemainder, Side
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.training.data import Split
from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IdentityConfig
from interestflow.transforms.encoding.encoders import HISTORY_AGE_BUCKETS, bucket_rows, identity_rows

COUNTING_BATCH = 4096
SIDES: dict[str, Side] = {"items": "item", "users": "user", "events": "event"}


class LayoutError(Exception):
    """A layout does not fit the embedding table that it is configured for."""


def describe_inputs(config: PipelineConfig, transform_output: tft.TFTransformOutput) -> ModelInputs:
    """Return the inputs of a model.

    Args:
        config: The configuration of the transform.
        transform_output: Output of the transform; its vocabularies decide the sizes of tables.

    Raises:
        LayoutError: If a table would not be smaller in the layout that `embeddings` sets for it.
    """
    features = config.features

    def rows(identity: IdentityConfig, name: str) -> int:
        hashed = identity.hash_buckets is not None
        return identity_rows(identity, None if hashed else transform_output.vocabulary_size_by_name(name))

    def layout(name: str, count: int) -> QuotientRemainder | None:
        embedding = config.embeddings.get(name)
        if embedding is None:
            return None
        if embedding.buckets >= count:
            expected = f"less than the {count:,} rows that it has with one row an id, received {embedding.buckets:,}"
            raise LayoutError(f"`embeddings.{name}.buckets` should be {expected}")
        return QuotientRemainder(embedding.buckets, embedding.combine)

    def category(attribute: AttributeConfig) -> CategoricalInput:
        count = bucket_rows(attribute) if attribute.is_bucketed else rows(attribute, attribute.name)
        return CategoricalInput(
            attribute.name,
            rows=count,
            side=SIDES[attribute.source],
            values=attribute.max_values if attribute.kind == "categorical_list" else None,
            in_target="target" in attribute.use,
            in_history="history" in attribute.use,
            layout=layout(attribute.name, count),
        )

    item_rows = rows(features.item, feature_names.ITEM)
    user_rows = rows(features.user, feature_names.USER) if features.user.in_model else None
    numeric = [attribute for attribute in features.attributes if attribute.is_number]
    return ModelInputs(
        tasks=tuple(task.name for task in config.tasks),
        masked_tasks=tuple(task.name for task in config.tasks if task.mask is not None),
        item_rows=item_rows,
        user_rows=user_rows,
        item_layout=layout(feature_names.ITEM, item_rows),
        user_layout=None if user_rows is None else layout(feature_names.USER, user_rows),
        history_length=config.sequence.max_length,
        history_age_buckets=HISTORY_AGE_BUCKETS,
        categorical=tuple(category(attribute) for attribute in features.attributes if not attribute.is_number),
        history_negatives=config.sequence.history_negatives and config.model.uses_history_negatives,
        numeric=tuple(NumericInput(attribute.name, SIDES[attribute.source]) for attribute in numeric),
    )


def out_of_vocabulary(config: PipelineConfig, training: Split) -> dict[str, dict[str, int]]:
    """Return how many values of training examples are unknown because a vocabulary is limited.

    The result has, for each id or attribute with a `min_count` or `vocabulary_size`, of the target or else along the
    history: `values`, how many values there are, and `unknown`, how many of them are in no vocabulary. Without such a
    limit no example is read.
    """
    features = config.features
    limited: dict[str, IdentityConfig] = {feature_names.ITEM: features.item}
    limited |= {feature_names.USER: features.user} if features.user.in_model else {}
    limited |= {
        attribute.name if "target" in attribute.use else feature_names.history(attribute.name): attribute
        for attribute in features.attributes
        if attribute.kind != "numeric"
    }
    limited = {
        name: identity for name, identity in limited.items() if identity.min_count > 1 or identity.vocabulary_size
    }
    counts = {name: {"values": 0, "unknown": 0} for name in limited}
    rows = training.inputs.rows()
    for batch, _, _ in training.in_order(COUNTING_BATCH) if limited else ():
        for name, identity in limited.items():
            ids = batch[name].numpy()
            counts[name]["values"] += int(np.count_nonzero(ids))
            counts[name]["unknown"] += int(np.count_nonzero(ids >= rows[name] - identity.out_of_vocabulary_buckets))
    return counts


def always_given(training: Split) -> tuple[str, ...]:
    """Return the sorted names of the single-valued inputs that no training example lacks.

    A missing category has the id 0. A missing number is encoded as the mean, exactly 0, which a present number hardly
    ever is; a feature with such a number counts as one that may be missing.
    """
    candidates = {name for name, (shape, _) in training.inputs.tensors().items() if shape == ()}
    for batch, _, _ in training.in_order(COUNTING_BATCH):
        candidates = {name for name in candidates if np.all(batch[name].numpy() != 0)}
        if not candidates:
            break
    return tuple(sorted(candidates))


def item_counts(training: Split) -> np.ndarray:
    """Return in how many training examples each item occurs, as the target or in the history, int64 `[item_rows]`.

    An item counts once in an example, and row 0, padding, counts 0. Mini-batch-aware regularisation weighs an item's
    embedding by it (Zhou et al., Deep Interest Network, 2018, section 5.1).
    """
    counts = np.zeros(training.inputs.item_rows, np.int64)
    for features, _, _ in training.in_order(COUNTING_BATCH):
        items = np.column_stack([features[feature_names.ITEM], features[feature_names.HISTORY_ITEM]])
        items.sort(axis=1)
        is_first = np.ones(items.shape, bool)
        is_first[:, 1:] = items[:, 1:] != items[:, :-1]
        counts += np.bincount(items[is_first], minlength=len(counts))
    counts[0] = 0
    return counts
