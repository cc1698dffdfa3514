"""The metrics of a ranker, as TFMA takes them: all share one pass over the examples."""

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
    """Figures of the labelled examples of a slice; undefined ones are NaN.

    Extracts may hold one example or a block of them; example weights, where there are any, say by 0 which examples
    have no label. Features must hold the user.

    Args:
        name: of the metric; its figures are named by `names`.
        user_key: feature that holds the user.
        true_probability_key: feature that holds the true probability, in generated logs; "" for none.
    """

    names: ClassVar[tuple[str, ...]]

    def __init__(self, name: str = "", user_key: str = feature_names.USER, true_probability_key: str = "") -> None:
        super().__init__(
            metric_util.merge_per_key_computations(self._computations),
            name=name or self.names[0],
            user_key=user_key,
            true_probability_key=true_probability_key,
        )

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        """The figures in `names`."""
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
        def key(figure: str) -> metric_types.MetricKey:
            return metric_types.MetricKey(figure, model_name, output_name, example_weighted=example_weighted)

        source = key(SCORED_EXAMPLES)
        features = [user_key, *([true_probability_key] if true_probability_key else [])]
        # The same for every metric of a task, and so computed once: TFMA compares computations by key and type.
        gathered = metric_types.MetricComputation(
            keys=[source],
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=features)],
            combiner=ScoredExamplesCombiner(source, user_key, true_probability_key),
        )

        def result(metrics: Mapping[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
            return {key(figure): float(value) for figure, value in self.figures(metrics[source]).items()}

        return [gathered, metric_types.DerivedMetricComputation([key(figure) for figure in self.names], result)]


class LabelledExampleCount(TFMARankerMetric):
    """`example_count`: those with a label for the task; `positives` among them; `unlabelled` beside them."""

    names = ("example_count", "positives", "unlabelled")

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        positives = int((scored.labels > 0.5).sum())
        return {"example_count": len(scored.labels), "positives": positives, "unlabelled": scored.unlabelled}


class ExactAUC(TFMARankerMetric):
    """`auc` from ranks; TFMA's own is of a histogram of scores, whose buckets cost accuracy. Ties count one half."""

    names = ("auc",)

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        return {"auc": area_under_curve(scored.labels, scored.probabilities)}


class GAUC(TFMARankerMetric):
    """`gauc`, see `grouped_auc`; made of `gauc_users`, and not of `gauc_dropped_users`, who have one label only."""

    names = ("gauc", "gauc_users", "gauc_dropped_users")

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        found = grouped_auc(scored.labels, scored.probabilities, scored.users)
        return {"gauc": found.value, "gauc_users": found.users, "gauc_dropped_users": found.dropped_users}


class LogLoss(TFMARankerMetric):
    """`log_loss`, in nats."""

    names = ("log_loss",)

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        return {"log_loss": log_loss(scored.labels, scored.probabilities)}


class ExpectedCalibrationError(TFMARankerMetric):
    """`ece`, over `CALIBRATION_BINS` bins of equal width."""

    names = ("ece",)

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        return {"ece": expected_calibration_error(scored.labels, scored.probabilities)}


class MeanCalibration(TFMARankerMetric):
    """`calibration`: mean probability over mean label."""

    names = ("calibration",)

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
        return {"calibration": calibration(scored.labels, scored.probabilities)}


class BestPossibleMetrics(TFMARankerMetric):
    """`best_possible_auc` and `best_possible_log_loss`; NaN where an example has no true probability."""

    names = ("best_possible_auc", "best_possible_log_loss")

    @staticmethod
    def figures(scored: ScoredExamples) -> Mapping[str, float]:
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
