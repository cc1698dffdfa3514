"""Registry of the metrics of both model families: names, headings, directions and defaults.

This module imports neither NumPy nor TensorFlow, so that a configuration is checked without loading them. The functions
that compute the metrics are in `ranking.py` and `retrieval.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from interestflow.models.spec import Family

RankingMetric = Literal["auc", "gauc", "log_loss", "ece"]
RetrievalMetric = Literal[
    "recall_10", "recall_20", "recall_50",
    "ndcg_10", "ndcg_20", "ndcg_50",
    "hit_rate_10", "hit_rate_20", "hit_rate_50",
    "coverage_10", "coverage_20", "coverage_50",
    "diversity_10", "diversity_20", "diversity_50",
    "novelty_10", "novelty_20", "novelty_50",
]  # fmt: skip
Metric = Literal[RankingMetric, RetrievalMetric]
"""Metrics that the quality gate of the configuration may bound."""
Direction = Literal["higher", "lower"]
CUTOFFS = (10, 20, 50)
"""List lengths N at which retrieval metrics are computed, as in recall@N."""


@dataclass(frozen=True)
class MetricSpec:
    """Declaration of one metric.

    Attributes:
        name: Name in the configuration and in `evaluation.json`.
        direction: Which values are better; None for a metric that the quality gate cannot bound.
        heading: Heading of its column in tables; None where tables leave it out.
        by_slice: Whether tables of slices show it.
        digits: Digits after the decimal point in tables.
        champion_margin: How much worse than the champion's it may be where the configuration does not say; None where
            it is not compared by default.
    """

    name: str
    direction: Direction | None
    heading: str | None = None
    by_slice: bool = False
    digits: int = 4
    champion_margin: float | None = None


@dataclass(frozen=True)
class MetricFamily:
    """Metrics of one family of models.

    Attributes:
        specs: All its metrics, in the order in which tables show them.
        main: Metric that compares models at a glance.
        stopping: Metrics of the validation split that early stopping can watch; the first is the default.
        shown_in_training: Metrics of the validation split that are shown after each epoch.
    """

    specs: tuple[MetricSpec, ...]
    main: str
    stopping: tuple[str, ...]
    shown_in_training: tuple[str, ...]

    @property
    def bounded(self) -> tuple[str, ...]:
        """Names of the metrics that the quality gate can bound and that the report lists."""
        return tuple(spec.name for spec in self.specs if spec.direction is not None)

    @property
    def headings(self) -> Mapping[str, str]:
        """Headings of the metrics that tables show, by name, in order."""
        return {spec.name: spec.heading for spec in self.specs if spec.heading is not None}

    @property
    def slice_headings(self) -> Mapping[str, str]:
        """Headings of the metrics that tables of slices show, by name, in order."""
        return {spec.name: spec.heading for spec in self.specs if spec.heading is not None and spec.by_slice}

    @property
    def champion_margins(self) -> Mapping[str, float]:
        """Default margins of the comparison with the champion, by metric."""
        return {spec.name: spec.champion_margin for spec in self.specs if spec.champion_margin is not None}


def _at_cutoffs(
    name: str,
    heading: str,
    shown: tuple[int, ...],
    *,
    by_slice: bool = False,
    digits: int = 4,
    margins: Mapping[int, float] = MappingProxyType({}),
) -> tuple[MetricSpec, ...]:
    """Return the specs of `name` at every cutoff; tables show those at the cutoffs in `shown`."""
    return tuple(
        MetricSpec(
            f"{name}_{cutoff}",
            "higher",
            f"{heading}@{cutoff}" if cutoff in shown else None,
            by_slice,
            digits,
            margins.get(cutoff),
        )
        for cutoff in CUTOFFS
    )


RANKING = MetricFamily(
    specs=(
        MetricSpec("auc", "higher", "AUC", by_slice=True, champion_margin=0.005),
        MetricSpec("gauc", "higher", "GAUC", by_slice=True),
        MetricSpec("log_loss", "lower", "log loss", by_slice=True),
        MetricSpec("ece", "lower", "ECE", by_slice=True),
        MetricSpec("calibration", None, "calibration", digits=3),
    ),
    main="auc",
    stopping=("auc", "log_loss"),
    shown_in_training=("auc", "log_loss"),
)
RETRIEVAL = MetricFamily(
    specs=(
        *_at_cutoffs("recall", "recall", shown=(10, 50), by_slice=True, margins={50: 0.01}),
        *_at_cutoffs("ndcg", "NDCG", shown=(10, 50), by_slice=True),
        *_at_cutoffs("hit_rate", "hit rate", shown=(50,)),
        *_at_cutoffs("coverage", "coverage", shown=(50,)),
        *_at_cutoffs("diversity", "diversity", shown=(10,)),
        *_at_cutoffs("novelty", "novelty", shown=(10,), digits=2),
    ),
    main="ndcg_50",
    stopping=("ndcg_50", "recall_50"),
    shown_in_training=("recall_50", "ndcg_50"),
)
FAMILIES: Mapping[Family, MetricFamily] = MappingProxyType({"ranker": RANKING, "matcher": RETRIEVAL})
"""By the family of a model."""
METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {spec.name: spec for family in FAMILIES.values() for spec in family.specs}
)
"""All metrics by name."""


def is_better(metric: str, value: float, other: float) -> bool:
    """Return whether `value` of `metric` is strictly better than `other`; a NaN is never better."""
    return value < other if METRICS[metric].direction == "lower" else value > other
