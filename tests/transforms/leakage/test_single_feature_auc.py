"""The AUC that each feature reaches alone."""

from __future__ import annotations

import polars as pl
import pytest

from interestflow.transforms.leakage.single_feature_auc import single_feature_aucs
from tests.transforms.small_config import shop

ATTRIBUTES = [
    {"name": "kind", "from": "events"},
    {"name": "words", "from": "events", "kind": "categorical_list"},
    {"name": "size", "from": "events", "kind": "numeric"},
]


def aucs(rows: int, **columns: list[object]) -> dict[str, float | None]:
    """Return the AUC of each feature; training and validation are the same rows, every second one positive."""
    config = shop(features={"attributes": ATTRIBUTES})
    defaults: dict[str, list[object]] = {"kind": [""] * rows, "words": [[]] * rows, "size": [float("nan")] * rows}
    labels = pl.Series([float(row % 2) for row in range(rows)], dtype=pl.Float32)
    frame = pl.DataFrame(
        defaults | columns, schema={"kind": pl.String, "words": pl.List(pl.String), "size": pl.Float32}
    )
    frame = frame.with_columns(labels.alias("label_click"))
    return {feature.feature: feature.auc for feature in single_feature_aucs(frame, frame, config)}


def test_a_constant_feature_has_an_auc_of_one_half() -> None:
    assert aucs(100) == {"kind": 0.5, "words": 0.5, "size": 0.5}


def test_too_few_examples_give_no_auc() -> None:
    # 58 rows have 29 positives, one fewer than required.
    assert aucs(58) == {"kind": None, "words": None, "size": None}


def test_a_copy_of_the_label_has_an_auc_of_one() -> None:
    values = aucs(
        100,
        kind=["yes" if row % 2 else "no" for row in range(100)],
        words=[["x", "yes"] if row % 2 else ["x"] for row in range(100)],
        size=[float(-(row % 2)) for row in range(100)],
    )
    assert values == {"kind": 1.0, "words": 1.0, "size": 1.0}


def test_a_number_that_is_missing_without_the_label_has_an_auc_of_one() -> None:
    size: list[object] = [float(row) if row % 2 else float("nan") for row in range(400)]
    assert aucs(400, size=size)["size"] == 1.0


def test_masked_examples_do_not_count() -> None:
    task = {"name": "click", "label": {"column": "click"}, "mask": {"column": "seen"}}
    config = shop(features={"attributes": ATTRIBUTES[:1]}, tasks=[task])
    frame = pl.DataFrame(
        {
            "kind": ["a", "b"] * 100,
            "label_click": [0.0, 1.0] * 50 + [1.0, 0.0] * 50,
            "mask_click": [1.0] * 100 + [0.0] * 100,
        }
    )
    (feature,) = single_feature_aucs(frame, frame, config)
    assert feature.auc == pytest.approx(1.0)
