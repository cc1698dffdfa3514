"""Metrics of rankers as TFMA metrics, which share one pass over the examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

from interestflow.pipeline.metrics.ranking import calibration, expected_calibration_error, grouped_auc, log_loss
from interestflow.pipeline.metrics.scored_examples import SCORED_EXAMPLES, ScoredExamples, ScoredExamplesCombiner
from interestflow.transforms import feature_names
from interestflow.transforms.area_under_curve import area_under_curve
from interestflow.transforms.generator.best_possible import best_possible


class TFMARankerMetric(tfma.metrics.Metric):
    """TFMA metric that is computed from the labelled examples of a slice; an undefined value is NaN.

    Extracts may hold one example or a block of them. Example weights, where there are any, are 0 for examples without a
    label. Features must hold the user.

    Args:
        name: Name of the metric; the names of its values are `names`.
        user_key: Feature that holds the user.
        true_probability_key: Feature that holds the true probability, in generated logs; "" for none.
    """

    names: ClassVar[tuple[str, ...]]

    def __init__(self, name: str = "", user_key: str = feature_names.USER, true_probability_key: str = "") -> None:
        """Register the computations with TFMA."""
        super().__init__(
            metric_util.merge_per_key_computations(self._computations),
            name=name or self.names[0],
            user_key=user_key,
            true_probability_key=true_probability_key,
        )

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        raise NotImplementedError

    def _computations(
        self,
        name: str,
        user_key: str,
        true_probability_key: str,
        model_name: str = "",
        output_name: str = "",
        example_weighted: bool = False,
    ) -> metric_types.MetricComputations:
        """Return the collection of the examples, which all metrics of a task share, and the derivation of values."""

        def key(value: str) -> metric_types.MetricKey:
            return metric_types.MetricKey(value, model_name, output_name, example_weighted=example_weighted)

        source = key(SCORED_EXAMPLES)
        features = [user_key, *([true_probability_key] if true_probability_key else [])]
        # Equal for every metric of a task and therefore computed once: TFMA compares computations by key and type.
        collection = metric_types.MetricComputation(
            keys=[source],
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=features)],
            combiner=ScoredExamplesCombiner(source, user_key, true_probability_key),
        )

        def result(metrics: Mapping[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
            return {key(name): float(value) for name, value in self.values(metrics[source]).items()}

        return [collection, metric_types.DerivedMetricComputation([key(name) for name in self.names], result)]


class LabelledExampleCount(TFMARankerMetric):
    """Counts: `example_count` of labelled examples, `positives` among them, and additional `unlabelled` examples."""

    names = ("example_count", "positives", "unlabelled")

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        positives = int((scored.labels > 0.5).sum())
        return {"example_count": len(scored.labels), "positives": positives, "unlabelled": scored.unlabelled}


class ExactAUC(TFMARankerMetric):
    """Exact `auc` from ranks; ties count one half. TFMA's own AUC loses accuracy in the buckets of a histogram."""

    names = ("auc",)

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        return {"auc": area_under_curve(scored.labels, scored.probabilities)}


class GAUC(TFMARankerMetric):
    """Grouped AUC `gauc`, and the numbers of users that it is computed from and that it drops; see `grouped_auc`."""

    names = ("gauc", "gauc_users", "gauc_dropped_users")

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        grouped = grouped_auc(scored.labels, scored.probabilities, scored.users)
        return {"gauc": grouped.value, "gauc_users": grouped.users, "gauc_dropped_users": grouped.dropped_users}


class LogLoss(TFMARankerMetric):
    """Mean cross-entropy `log_loss`, in nats."""

    names = ("log_loss",)

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        return {"log_loss": log_loss(scored.labels, scored.probabilities)}


class ExpectedCalibrationError(TFMARankerMetric):
    """Expected calibration error `ece`, over `CALIBRATION_BINS` bins of equal width."""

    names = ("ece",)

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        return {"ece": expected_calibration_error(scored.labels, scored.probabilities)}


class MeanCalibration(TFMARankerMetric):
    """Mean probability divided by mean label, `calibration`."""

    names = ("calibration",)

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        return {"calibration": calibration(scored.labels, scored.probabilities)}


class BestPossibleMetrics(TFMARankerMetric):
    """AUC and log loss of the true probabilities; NaN where an example has none."""

    names = ("best_possible_auc", "best_possible_log_loss")

    @staticmethod
    def values(scored: ScoredExamples) -> Mapping[str, float]:
        """Return the values in `names`, by name."""
        truth = scored.true_probabilities
        if len(truth) < 2 or not ((truth >= 0.0) & (truth <= 1.0)).all():
            return dict.fromkeys(BestPossibleMetrics.names, float("nan"))
        best = best_possible(truth)
        return {"best_possible_auc": best.auc, "best_possible_log_loss": best.log_loss}


METRICS: tuple[type[TFMARankerMetric], ...] = (
    LabelledExampleCount, ExactAUC, GAUC, LogLoss, ExpectedCalibrationError, MeanCalibration, BestPossibleMetrics,
)  # fmt: skip
for _metric in METRICS:
    metric_types.register_metric(_metric)
