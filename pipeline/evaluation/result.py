"""What an evaluation found: `evaluation.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact
from interestflow.pipeline.config import RANKER_METRICS, RETRIEVAL_METRICS

Direction = Literal["higher", "lower"]
BETTER: dict[str, Direction] = {
    **dict.fromkeys(RANKER_METRICS + RETRIEVAL_METRICS, "higher"),
    **dict.fromkeys(("log_loss", "ece"), "lower"),
}
"""By metric, which way is better."""


class EvaluationError(Exception):
    """A model or examples that cannot be evaluated; the message says which and why."""


class Result(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskMetrics(Result):
    """What a table or a gate asks of metrics, whatever they are of.

    HEADINGS: what is shown, heading by metric, in order.
    OVERALL_ALONE: those that are not shown by slice.
    MAIN: the metric to compare models by at a glance.
    DEFAULT_MARGINS: by how much a metric may be worse than the champion's, where the configuration does not say.
    """

    HEADINGS: ClassVar[Mapping[str, str]]
    OVERALL_ALONE: ClassVar[frozenset[str]]
    MAIN: ClassVar[str]
    DEFAULT_MARGINS: ClassVar[Mapping[str, float]]

    examples: int

    def value(self, metric: str) -> float | None:
        """A metric of this kind by name; None where it is undefined."""
        raise NotImplementedError

    def best_possible(self) -> dict[str, float | None]:
        """By metric, what the true probabilities reach, where the log has them."""
        return {}

    @property
    def headroom_share(self) -> float | None:
        """How far the model is on the way to the best possible; None where that is not known."""
        return None

    def notes(self, task: str) -> Iterator[str]:
        """Sentences on what the figures are of."""
        return iter(())


class RankingMetrics(TaskMetrics):
    """Of one task of a ranker on some examples; None where a metric is undefined, such as an AUC without positives.

    examples: with a label for the task; `unlabelled` are beside them and count for nothing.
    gauc_users, gauc_dropped_users: users that GAUC is made of, and those that it leaves out since they have one label.
    best_possible_auc, best_possible_log_loss: of the true probabilities, where the log has them.
    """

    HEADINGS = {"auc": "AUC", "gauc": "GAUC", "log_loss": "log loss", "ece": "ECE", "calibration": "calibration"}
    OVERALL_ALONE = frozenset({"calibration"})
    MAIN = "auc"
    DEFAULT_MARGINS = {"auc": 0.005}

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
        """One of `HEADINGS`."""
        found: float | None = getattr(self, metric)
        return found

    @property
    def headroom_share(self) -> float | None:
        """How far the AUC is on the way from 0.5, which chance reaches, to the best possible."""
        if self.auc is None or self.best_possible_auc is None or self.best_possible_auc <= 0.5:
            return None
        return (self.auc - 0.5) / (self.best_possible_auc - 0.5)

    def best_possible(self) -> dict[str, float | None]:
        if self.best_possible_auc is None:
            return {}
        return {"auc": self.best_possible_auc, "log_loss": self.best_possible_log_loss}

    def notes(self, task: str) -> Iterator[str]:
        users = self.gauc_users + self.gauc_dropped_users
        yield (
            f"GAUC of {task} is of {self.gauc_users:,} of {users:,} users; "
            f"{self.gauc_dropped_users:,} have one label only and are left out"
        )
        if self.unlabelled:
            yield f"{self.unlabelled:,} test examples have no label for {task}"


class RetrievalMetrics(TaskMetrics):
    """Of a matcher, over some of what users took in the test window, each asked for on its own.

    users: who took them.
    examples: what they took, the targets.
    unreachable: targets among them that are no candidates, and so can never be found.
    repeated: what they took and had taken before, which is no target.
    figures: by metric, None or missing where it is undefined.
    """

    HEADINGS = {
        "recall_10": "recall@10", "recall_50": "recall@50", "ndcg_10": "NDCG@10", "ndcg_50": "NDCG@50",
        "hit_rate_50": "hit rate@50", "coverage_50": "coverage@50", "diversity_10": "diversity@10",
        "novelty_10": "novelty@10",
    }  # fmt: skip
    OVERALL_ALONE = frozenset({"hit_rate_50", "coverage_50", "diversity_10", "novelty_10"})
    MAIN = "ndcg_50"
    DEFAULT_MARGINS = {"recall_50": 0.01}

    users: int
    unreachable: int
    repeated: int
    figures: dict[str, float | None]

    def value(self, metric: str) -> float | None:
        """One of `RETRIEVAL_METRICS`."""
        return self.figures.get(metric)

    def notes(self, task: str) -> Iterator[str]:
        yield f"{self.users:,} users took {self.examples:,} items of {task} in the test window, each a query of its own"
        if self.unreachable:
            yield f"{self.unreachable:,} of them are not in the catalogue and cannot be found"
        if self.repeated:
            yield f"{self.repeated:,} more had been taken before by the same user and are not looked for"


AnyMetrics = RankingMetrics | RetrievalMetrics
"""Told apart by their fields, of which neither kind knows the other's."""


class SliceMetrics(Result):
    """`name` is the slice as configured, `value` which of its parts."""

    name: str
    value: str
    metrics: AnyMetrics


class TaskEvaluation(Result):
    overall: AnyMetrics
    slices: tuple[SliceMetrics, ...]


class ModelEvaluation(Result):
    """`name`: of the kind of model, such as din."""

    name: str
    fingerprint: str
    folder: str
    tasks: dict[str, TaskEvaluation]


class Evaluation(JsonArtifact):
    """`champion_problem` says why there is a champion that could not be evaluated.

    `popularity`: beside a matcher, what the most frequent items reach, which nothing is learned for.
    """

    FILE = "evaluation.json"

    model: ModelEvaluation
    champion: ModelEvaluation | None
    champion_problem: str | None
    examples: int
    popularity: ModelEvaluation | None = None
