"""Sections `data_validation` and `evaluation` of a configuration: what stops a run, and what blesses a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from interestflow.pipeline.metrics.registry import Metric
from interestflow.section import NonNegative, PositiveInt, Section

Severity = Literal["error", "warning", "never"]


class DataValidationConfig(Section):
    """When statistics and schema of the data stop the run."""

    fail_on: Severity = Field("error", description="Lowest severity of an anomaly that stops the run, or never.")
    schema_file: str | None = Field(
        None,
        description="Curated schema (pbtxt) to validate the data against, instead of the inferred one; its path from "
        "the configuration's own folder.",
    )
    max_examples_for_statistics: PositiveInt = Field(
        1_000_000,
        description="About how many examples of a split the statistics describe at most, sampled at even distances; "
        "a smaller split is described whole.",
    )


class GateConfig(Section):
    """What a model must reach, in every task, to be blessed and pushed."""

    at_least: dict[Metric, float] = Field({}, description="Smallest value that each named metric may have.")
    at_most: dict[Metric, float] = Field({}, description="Largest value that each named metric may have.")
    champion_margin: dict[Metric, NonNegative] | None = Field(
        None,
        description="How much worse than the champion's each named metric may be, wider than seed noise; by default "
        "AUC by 0.005 or, for matchers, recall@50 by 0.01.",
    )
    slice_margin: NonNegative | None = Field(
        None,
        description="What is added to `champion_margin` for a slice; without it, slices are not compared with the "
        "champion.",
    )
    min_slice_examples: PositiveInt = Field(
        1000, description="Smallest number of examples of a slice that is compared with the champion."
    )

    def margins(self, default: Mapping[str, float]) -> Mapping[str, float]:
        """Return `champion_margin`, or the default of the model's family."""
        if self.champion_margin is None:
            return default
        return {str(metric): margin for metric, margin in self.champion_margin.items()}


class EvaluationConfig(Section):
    """How a trained model is evaluated on the test split."""

    slices: tuple[str, ...] = Field(
        ("history_length", "user", "item"),
        description="Slices that metrics are computed for: `history_length`, `user` (new or known), `item` (cold or "
        "known), or an attribute of the target; a numeric one by its `boundaries`.",
    )
    compare_with_baseline: bool = Field(True, description="Whether the baseline is trained too and reported beside it.")
    gate: GateConfig = Field(GateConfig(), description="What the model must reach to be pushed.")
