"""AUC of each feature alone: a feature that predicts the label nearly perfectly was derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.area_under_curve import area_under_curve
from interestflow.transforms.config import AttributeConfig, IngestionConfig
from interestflow.transforms.feature_names import label, mask

MIN_EXAMPLES = 30
"""Examples needed with, and without, the label in validation; with fewer an AUC is too uncertain to reject anything."""
PRIOR_EXAMPLES = 10.0
"""Weight, in examples, of the mean rate in the smoothed rate of a value: our choice."""
BINS = 50


@dataclass(frozen=True)
class SingleFeatureAUC:
    """AUC on validation of one feature alone, fitted on training; None if there are too few examples."""

    task: str
    feature: str
    auc: float | None


def single_feature_aucs(
    training: pl.DataFrame, validation: pl.DataFrame, config: IngestionConfig
) -> list[SingleFeatureAUC]:
    """Return the AUC of every attribute of the target, for every task.

    A category is scored by the rate of the label among training examples with the same value, a list by the mean of
    its values' rates, a number by the rate of its bin (missing is a bin too) or by its own value, whichever AUC is
    higher.

    Args:
        training: columns named like the raw features: text, numbers, lists of text; labels and masks.
        validation: the same columns of the validation split.
        config: the attributes and tasks.
    """
    aucs = []
    for task in config.tasks:
        parts = [training, validation]
        if task.mask is not None:
            parts = [part.filter(pl.col(mask(task.name)) > 0.0) for part in parts]
        labels = [part.get_column(label(task.name)).to_numpy() > 0.0 for part in parts]
        is_enough = all(min(positive.sum(), (~positive).sum()) >= MIN_EXAMPLES for positive in labels)
        for attribute in config.features.target_attributes():
            auc = None
            if is_enough:
                columns = [part.get_column(attribute.name) for part in parts]
                auc = max(area_under_curve(labels[1], score) for score in _scores(attribute, columns, labels[0]))
            aucs.append(SingleFeatureAUC(task.name, attribute.name, auc))
    return aucs


def _scores(attribute: AttributeConfig, columns: Sequence[pl.Series], is_positive: np.ndarray) -> Iterable[np.ndarray]:
    """Yield the scores of validation examples, one array for each way to turn the attribute into a score."""
    training, validation = columns
    if attribute.kind != "numeric":
        yield _label_rates(training, validation, is_positive)
        return
    training, validation = (column.fill_nan(None).cast(pl.Float64) for column in columns)
    edges = np.unique(training.drop_nulls().to_numpy())
    if len(edges) > BINS:
        edges = np.unique(np.quantile(edges, np.linspace(0.0, 1.0, BINS)))
    yield _label_rates(_bins(training, edges), _bins(validation, edges), is_positive)
    median = training.quantile(0.5)
    numbers = validation.fill_null(0.0 if median is None else median).to_numpy()
    yield numbers
    yield -numbers


def _bins(numbers: pl.Series, edges: np.ndarray) -> pl.Series:
    """Return the bin of each number, -1 for a missing one."""
    bins = np.searchsorted(edges, numbers.fill_null(0.0).to_numpy())
    return pl.Series(np.where(numbers.is_null().to_numpy(), -1, bins))


def _label_rates(training: pl.Series, validation: pl.Series, is_positive: np.ndarray) -> np.ndarray:
    """Return the smoothed rate of the label in training for each validation value; of a list, the mean of its values'.

    Args:
        training: values [N].
        validation: values [M].
        is_positive: bool [N], the label of the training examples.
    """
    mean = float(is_positive.mean())
    rated = pl.DataFrame({"value": training, "rate": is_positive})
    scored = pl.DataFrame({"value": validation}).with_row_index("row")
    if isinstance(training.dtype, pl.List):
        rated, scored = (frame.explode("value", empty_as_null=True) for frame in (rated, scored))
    smoothed = (pl.col("rate").sum() + PRIOR_EXAMPLES * mean) / (pl.len() + PRIOR_EXAMPLES)
    rates = rated.group_by("value").agg(smoothed)
    joined = scored.join(rates, on="value", how="left", nulls_equal=True, maintain_order="left")
    return joined.group_by("row", maintain_order=True).agg(pl.col("rate").fill_null(mean).mean())["rate"].to_numpy()
