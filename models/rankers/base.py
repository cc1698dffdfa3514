"""The interface of models that score one candidate for one user: click-through and multi-task rankers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from interestflow.models.base import DescribedModel
from interestflow.models.inputs import ModelInputs
from interestflow.models.losses.click import masked_binary_cross_entropy
from interestflow.models.rankers.hyperparameters import RankerHyperparameters


class Ranker(DescribedModel):
    """A model of `call(features, training=None) -> logits [B], float32, by task`.

    `features` holds the tensors of `models/inputs.py` by name; others are ignored. Subclasses name their
    hyper-parameters' class, make their layers in `__init__` and write the two halves of `call`: `encode_user`, which
    does not see the candidate, and `score_candidates`. To serve, the first runs once a request.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: an instance of `Hyperparameters`.
        item_counts: [item_rows], in how many training instances each item appears; for models that weigh by it, which
            keep it among their weights.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: RankerHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, name)

    @abstractmethod
    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """All that does not depend on the candidate: tensors [B, ...], in any structure of dicts and tuples.

        `features` may lack `inputs.candidate_tensors`.
        """

    @abstractmethod
    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        """Logits [B] by task of one candidate a row, from what `encode_user` gave and `inputs.candidate_tensors`.

        At inference `features` may lack all other tensors.
        """

    def call(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        return self.score_candidates(self.encode_user(features, training=training), features, training=training)

    def rank(self, features: dict[str, Any]) -> dict[str, Any]:
        """Logits [B, N], float32, by task of N candidates a user, whose own part is computed once.

        Args:
            features: as for `call`, but `inputs.candidate_tensors` are [B, N] or [B, N, V].
        """
        user, candidates, count = self.apart(features)
        logits = self.score_candidates(beside_candidates(user, count), candidates, training=False)
        return {task: ops.reshape(values, (-1, count)) for task, values in logits.items()}

    def apart(self, features: dict[str, Any]) -> tuple[Any, dict[str, Any], Any]:
        """What `encode_user` gives of B users, the tensors of their candidates, [B * N, ...], and N."""
        names = self.inputs_description.candidate_tensors
        user = self.encode_user({name: value for name, value in features.items() if name not in names}, training=False)
        candidates = {name: ops.reshape(features[name], (-1, *features[name].shape[2:])) for name in names}
        return user, candidates, ops.shape(features["item"])[1]

    def to_logits(self, scores: Any) -> dict[str, Any]:
        """[B, tasks] to logits [B] by task, in float32."""
        scores = ops.cast(scores, "float32")
        return {task: scores[:, number] for number, task in enumerate(self.inputs_description.tasks)}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Sum over tasks of `masked_binary_cross_entropy`, plus what layers add; a float32 scalar.

        Args:
            x: the features, unused.
            y: labels [B] by task.
            y_pred: logits [B] by task.
            sample_weight: masks [B] by task; a task that is missing has a label for every example.
            training: unused.
        """
        weights = sample_weight or {}
        loss = ops.zeros((), "float32")
        for task in self.inputs_description.tasks:
            loss += masked_binary_cross_entropy(y[task], y_pred[task], weights.get(task))
        for added in self.losses:
            loss += ops.cast(added, "float32")
        return loss


def beside_candidates(user: Any, count: Any) -> Any:
    """Tensors [B, ...], in any structure, as [B * count, ...]: each user's once for each of its candidates."""
    return keras.tree.map_structure(lambda value: ops.repeat(value, count, axis=0), user)
