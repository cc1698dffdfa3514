"""Result of an evaluation, kept as `evaluation.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact
from interestflow.pipeline.metrics.registry import RANKING, RETRIEVAL, MetricFamily


class EvaluationError(Exception):
    """A model or examples that cannot be evaluated; the message says which and why."""


class Result(BaseModel):
    """Immutable part of an evaluation, which refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskMetrics(Result):
    """Metrics of one task on some examples, for models of either family.

    Attributes:
        FAMILY: Metrics that this class holds.
        examples: Number of examples, or of queries, that the metrics are computed from.
    """

    FAMILY: ClassVar[MetricFamily]

    examples: int

    def value(self, metric: str) -> float | None:
        """Return a metric of the family by name; None where it is undefined."""
        raise NotImplementedError

    def best_possible(self) -> dict[str, float | None]:
        """Return what the true probabilities reach, by metric; empty where the log has none."""
        return {}

    @property
    def headroom_share(self) -> float | None:
        """Share of the distance between chance and the best possible that the model reaches; None if unknown."""
        return None

    def notes(self, task: str) -> Iterator[str]:
        """Yield sentences that say what the metrics are computed from."""
        return iter(())


class RankingMetrics(TaskMetrics):
    """Metrics of one task of a ranker; None where a metric is undefined, such as an AUC without positives.

    Attributes:
        examples: Examples with a label for the task.
        positives: Positives among them.
        unlabelled: Further examples, without a label for the task; no metric counts them.
        gauc_users: Users that GAUC is computed from.
        gauc_dropped_users: Users that GAUC leaves out, since they have labels of one value only.
        best_possible_auc: AUC of the true probabilities, where the log has them.
        best_possible_log_loss: Log loss of the true probabilities, where the log has them.
    """

    FAMILY = RANKING

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
        """Return one of the metrics of `RANKING`."""
        value: float | None = getattr(self, metric)
        return value

    @property
    def headroom_share(self) -> float | None:
        """Share of the distance between an AUC of 0.5, which chance reaches, and the best possible AUC."""
        if self.auc is None or self.best_possible_auc is None or self.best_possible_auc <= 0.5:
            return None
        return (self.auc - 0.5) / (self.best_possible_auc - 0.5)

    def best_possible(self) -> dict[str, float | None]:
        """Return AUC and log loss of the true probabilities."""
        if self.best_possible_auc is None:
            return {}
        return {"auc": self.best_possible_auc, "log_loss": self.best_possible_log_loss}

    def notes(self, task: str) -> Iterator[str]:
        """Yield the users of GAUC and the examples without a label."""
        users = self.gauc_users + self.gauc_dropped_users
        yield (
            f"GAUC of {task} is of {self.gauc_users:,} of {users:,} users; "
            f"{self.gauc_dropped_users:,} have one label only and are left out"
        )
        if self.unlabelled:
            yield f"{self.unlabelled:,} test examples have no label for {task}"


class RetrievalMetrics(TaskMetrics):
    """Metrics of a matcher over positives of the test window, each a query of its own.

    Attributes:
        examples: Queries, each with one target.
        users: Users of the queries.
        unreachable: Targets that are no candidates and therefore cannot be retrieved.
        repeated: Further positives whose item the user had interacted with before; they are no queries.
        figures: Metrics by name; None or missing where one is undefined.
    """

    FAMILY = RETRIEVAL

    users: int
    unreachable: int
    repeated: int
    figures: dict[str, float | None]

    def value(self, metric: str) -> float | None:
        """Return one of the metrics of `RETRIEVAL`."""
        return self.figures.get(metric)

    def notes(self, task: str) -> Iterator[str]:
        """Yield the number of queries, and of positives that cannot be retrieved."""
        yield (
            f"{self.users:,} users have {self.examples:,} positives of {task} in the test window, "
            "each a query of its own"
        )
        if self.unreachable:
            yield f"{self.unreachable:,} of them are not in the catalogue and cannot be retrieved"
        if self.repeated:
            yield f"{self.repeated:,} further positives repeat an earlier one of the same user and are no queries"


AnyMetrics = RankingMetrics | RetrievalMetrics
"""Metrics of either family, distinguished by their fields, of which neither family has the other's."""


class SliceMetrics(Result):
    """Metrics of one part of a slice.

    Attributes:
        name: Name of the slice, as configured.
        value: Value of the slice that the part's examples have.
        metrics: Metrics of the part.
    """

    name: str
    value: str
    metrics: AnyMetrics


class TaskEvaluation(Result):
    """Metrics of one task, overall and by slice."""

    overall: AnyMetrics
    slices: tuple[SliceMetrics, ...]


class ModelEvaluation(Result):
    """Metrics of one model by task.

    Attributes:
        name: Name of its kind of model, such as din.
        fingerprint: Fingerprint of everything that the model was made from.
        folder: Folder of the exported model.
        tasks: Metrics by task.
    """

    name: str
    fingerprint: str
    folder: str
    tasks: dict[str, TaskEvaluation]


class Evaluation(JsonArtifact):
    """Metrics of a model, and of the models that it is compared with.

    Attributes:
        model: Metrics of the model.
        champion: Metrics of the champion on the same examples; None where there is none.
        champion_problem: Why there is a champion that could not be evaluated.
        examples: Number of test examples or queries.
        popularity: Metrics of recommending the most popular items, without any training; None for rankers.
    """

    FILE = "evaluation.json"

    model: ModelEvaluation
    champion: ModelEvaluation | None
    champion_problem: str | None
    examples: int
    popularity: ModelEvaluation | None = None
