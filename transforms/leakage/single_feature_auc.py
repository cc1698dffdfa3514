"""How well each feature alone tells a label: one that tells it nearly always was made from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms.area_under_curve import area_under_curve
from interestflow.transforms.config import AttributeConfig, IngestionConfig
from interestflow.transforms.feature_names import label, mask

FEWEST = 30
"""Examples with, and without, the label in validation, below which an AUC says too little to refuse anything."""
WEIGHT = 10.0
"""Of the mean rate, in examples, in the rate of a value that was seen a few times: our choice."""
BINS = 50


@dataclass(frozen=True)
class Telling:
    """AUC on validation of one feature alone, by what training taught; None where there are too few examples."""

    task: str
    feature: str
    auc: float | None


def tell(training: pl.DataFrame, validation: pl.DataFrame, config: IngestionConfig) -> list[Telling]:
    """The AUC of every attribute beside the target, for every task.

    A category is replaced by the rate of the label among training examples with the same value, a list by the mean of
    its values' rates, a number by the rate of its bin (missing is one of its own) or by itself, whichever tells more.

    Args:
        training: columns by name of the raw features: text, numbers, lists of text; labels and masks.
        validation: likewise.
        config: which attributes and tasks there are.
    """
    found = []
    for task in config.tasks:
        parts = [training, validation]
        if task.mask is not None:
            parts = [part.filter(pl.col(mask(task.name)) > 0.0) for part in parts]
        labels = [part.get_column(label(task.name)).to_numpy() > 0.0 for part in parts]
        enough = all(min(found.sum(), (~found).sum()) >= FEWEST for found in labels)
        for attribute in config.features.with_target():
            auc = None
            if enough:
                columns = [part.get_column(attribute.name) for part in parts]
                auc = max(area_under_curve(labels[1], score) for score in _scores(attribute, columns, labels[0]))
            found.append(Telling(task.name, attribute.name, auc))
    return found


def _scores(attribute: AttributeConfig, columns: Sequence[pl.Series], is_positive: np.ndarray) -> Iterable[np.ndarray]:
    training, validation = columns
    if attribute.kind != "numeric":
        yield _rated(training, validation, is_positive)
        return
    training, validation = (column.fill_nan(None).cast(pl.Float64) for column in columns)
    edges = np.unique(training.drop_nulls().to_numpy())
    if len(edges) > BINS:
        edges = np.unique(np.quantile(edges, np.linspace(0.0, 1.0, BINS)))
    yield _rated(_binned(training, edges), _binned(validation, edges), is_positive)
    middle = training.quantile(0.5)
    numbers = validation.fill_null(0.0 if middle is None else middle).to_numpy()
    yield numbers
    yield -numbers


def _binned(numbers: pl.Series, edges: np.ndarray) -> pl.Series:
    """The bin of each number, -1 for what is missing."""
    bins = np.searchsorted(edges, numbers.fill_null(0.0).to_numpy())
    return pl.Series(np.where(numbers.is_null().to_numpy(), -1, bins))


def _rated(training: pl.Series, validation: pl.Series, is_positive: np.ndarray) -> np.ndarray:
    """The smoothed rate of each value in training, for each of validation; of a list, the mean of its values'."""
    mean = float(is_positive.mean())
    taught = pl.DataFrame({"value": training, "rate": is_positive})
    asked = pl.DataFrame({"value": validation}).with_row_index("row")
    if isinstance(training.dtype, pl.List):
        taught, asked = (frame.explode("value", empty_as_null=True) for frame in (taught, asked))
    smoothed = (pl.col("rate").sum() + WEIGHT * mean) / (pl.len() + WEIGHT)
    rates: Any = taught.group_by("value").agg(smoothed)
    joined = asked.join(rates, on="value", how="left", nulls_equal=True, maintain_order="left")
    return joined.group_by("row", maintain_order=True).agg(pl.col("rate").fill_null(mean).mean())["rate"].to_numpy()
