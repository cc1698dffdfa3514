"""What an evaluation found: `evaluation.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.stored import Stored

Direction = Literal["higher", "lower"]
BETTER: dict[str, Direction] = {"auc": "higher", "gauc": "higher", "log_loss": "lower", "ece": "lower"}
"""By metric, which way is better."""


class EvaluationError(Exception):
    """A model or examples that cannot be evaluated; the message says which and why."""


class Result(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metrics(Result):
    """Of one task on some examples; None where a metric is undefined, such as an AUC without positives.

    examples: with a label for the task; `unlabelled` are beside them and count for nothing.
    gauc_users, gauc_dropped_users: users that GAUC is made of, and those that it leaves out since they have one label.
    best_possible_auc, best_possible_log_loss: of the true probabilities, where the log has them.
    """

    examples: int
    positives: int
    unlabelled: int
    auc: float | None
    gauc: float | None
    gauc_users: int
    gauc_dropped_users: int
    log_loss: float | None
    ece: float | None
    calibration: float | None
    best_possible_auc: float | None = None
    best_possible_log_loss: float | None = None

    def value(self, metric: str) -> float | None:
        """One of `auc`, `gauc`, `log_loss`, `ece`."""
        found: float | None = getattr(self, metric)
        return found

    @property
    def share_of_the_way(self) -> float | None:
        """How far the AUC is on the way from 0.5, which chance reaches, to the best possible."""
        if self.auc is None or self.best_possible_auc is None or self.best_possible_auc <= 0.5:
            return None
        return (self.auc - 0.5) / (self.best_possible_auc - 0.5)


class SliceMetrics(Result):
    """`name` is the slice as configured, `value` which of its parts."""

    name: str
    value: str
    metrics: Metrics


class TaskEvaluation(Result):
    overall: Metrics
    slices: tuple[SliceMetrics, ...]


class ModelEvaluation(Result):
    """`name`: of the kind of model, such as din."""

    name: str
    fingerprint: str
    folder: str
    tasks: dict[str, TaskEvaluation]


class Evaluation(Stored):
    """`champion_problem` says why there is a champion that could not be evaluated."""

    FILE = "evaluation.json"

    model: ModelEvaluation
    champion: ModelEvaluation | None
    champion_problem: str | None
    examples: int
