"""Interface of rankers: models that score a candidate for a user, for one or several tasks."""

from __future__ import annotations

from abc import abstractmethod

import keras
from keras import ops

from interestflow.models.base import DescribedModel
from interestflow.models.inputs import ModelInputs
from interestflow.models.losses.click import masked_binary_cross_entropy
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.tensor import Features, Tensor


class Ranker(DescribedModel):
    """Model of `call(features, training=None) -> logits [B], float32, by task`.

    `features` holds the tensors of `interestflow.models.inputs` by name; others are ignored. A subclass names the class
    of its hyper-parameters, creates its layers in `__init__` and implements the two halves of `call`: `encode_user`,
    which does not see the candidate, and `score_candidates`. In serving, `encode_user` runs once per request.

    Args:
        inputs: description of the input tensors.
        hyperparameters: an instance of `Hyperparameters`.
        item_counts: [item_rows], number of training instances in which each item appears; for models that weigh by it,
            which keep it among their weights.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: RankerHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Store the description and the hyper-parameters."""
        super().__init__(inputs, hyperparameters, name)

    @abstractmethod
    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Compute everything that does not depend on the candidate.

        Args:
            features: input tensors, without `inputs.candidate_tensors`.
            training: whether the call trains.

        Returns:
            Tensors [B, ...] by names of the ranker's own choice.
        """

    @abstractmethod
    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Score one candidate per row.

        Args:
            user: what `encode_user` returned.
            features: `inputs.candidate_tensors`, [B, ...]. At inference all others are missing.
            training: whether the call trains.

        Returns:
            Logits [B], float32, by task.
        """

    def call(self, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B], float32, by task, of the one candidate of each row."""
        return self.score_candidates(self.encode_user(features, training=training), features, training=training)

    def rank(self, features: Features) -> dict[str, Tensor]:
        """Score several candidates per user, computing only once what does not depend on the candidate.

        Args:
            features: as for `call`, but `inputs.candidate_tensors` are [B, N] or [B, N, V].

        Returns:
            Logits [B, N], float32, by task.
        """
        user, candidates, count = self.encode_request(features)
        logits = self.score_candidates(repeat_per_candidate(user, count), candidates, training=False)
        return {task: ops.reshape(values, (-1, count)) for task, values in logits.items()}

    def encode_request(self, features: Features) -> tuple[Features, Features, Tensor]:
        """Encode the users of a request, and flatten their candidates.

        Args:
            features: see `rank`.

        Returns:
            What `encode_user` returns of the B users, the tensors of their candidates, [B * N, ...], and N.
        """
        names = self.inputs_description.candidate_tensors
        user = self.encode_user({name: value for name, value in features.items() if name not in names}, training=False)
        candidates = {name: ops.reshape(features[name], (-1, *features[name].shape[2:])) for name in names}
        return user, candidates, ops.shape(features["item"])[1]

    def to_logits(self, scores: Tensor) -> dict[str, Tensor]:
        """Split scores [B, tasks] into logits [B], float32, by task."""
        scores = ops.cast(scores, "float32")
        return {task: scores[:, index] for index, task in enumerate(self.inputs_description.tasks)}

    def compute_loss(
        self,
        x: Features | None = None,
        y: dict[str, Tensor] | None = None,
        y_pred: dict[str, Tensor] | None = None,
        sample_weight: dict[str, Tensor] | None = None,
        training: bool = True,
    ) -> Tensor:
        """Sum the tasks' `masked_binary_cross_entropy` and the losses that layers add.

        Args:
            x: features, unused.
            y: labels [B] by task.
            y_pred: logits [B] by task.
            sample_weight: masks [B] by task; a task without one has a label for every example.
            training: unused.

        Returns:
            A float32 scalar.
        """
        assert y is not None
        assert y_pred is not None
        masks = sample_weight or {}
        loss = ops.zeros((), "float32")
        for task in self.inputs_description.tasks:
            loss += masked_binary_cross_entropy(y[task], y_pred[task], masks.get(task))
        for added_loss in self.losses:
            loss += ops.cast(added_loss, "float32")
        return loss


def repeat_per_candidate(user: Features, count: Tensor) -> Features:
    """Repeat each user's tensors once per candidate: [B, ...] to [B * count, ...]."""
    return keras.tree.map_structure(lambda value: ops.repeat(value, count, axis=0), user)
