"""Task-aware Information Flow Network: arXiv 2508.11565, version 1."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.inputs import CategoricalInput, ModelInputs
from interestflow.models.layers.attention.information_flow import GROUPS, InformationFlow
from interestflow.models.layers.embedding.field_tokens import FieldTokens
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.infnet_spec import INFNetHyperparameters
from interestflow.models.rankers.score_head import TaskHeads
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class INFNet(Ranker):
    """Information Flow Network: fields, behaviours and tasks are tokens, and proxies carry information between groups.

    With the tokens of `FieldTokens` for fields `C` and steps (behaviours) `S`, and learned tokens `T`, one per task:

        C~      = reshape(relu(Dense(flatten C)))                 a few proxies of all fields
        S~_f    = sum of Dense(S_j) over the steps of type f      a proxy per behaviour type; in version 2 the mean
        T~      = learned, shared by the tasks
        C, S, T = blocks of InformationFlow(C, S, T, C~, S~, T~)
        logit_i = Dense_i(MLP_i(T_i))                             of task i

    The cost is linear in the number of steps.

    Certain, from the paper: tokens, proxies and what flows between them; see `InformationFlow` for its details. Ours:
    the paper has one sequence per behaviour type. A log has one history here, so a type is a value of the category
    along it that `behaviour_type` names; without a name all steps are of one type.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `INFNetHyperparameters`.

    Raises:
        ValueError: if `behaviour_type` is not a category along the history with one value per step.

    Example:

    >>> inputs = ModelInputs(tasks=("click", "like"), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = INFNet(inputs, INFNetHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> sorted(ranker({"item": ops.array([3]), **history}))
    ['click', 'like']

    Reference:
        Task-aware Information Flow Network, arXiv 2508.11565, version 1.
    """

    Hyperparameters = INFNetHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: INFNetHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers and the tasks' tokens."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, width = hyperparameters, hyperparameters.embedding_dimension
        self.width, self.field_proxy_count = width, h.field_proxies
        self.averages_steps = h.variant == "v2"
        self.behaviour_type = None if h.behaviour_type is None else _behaviour_type(inputs, h.behaviour_type)
        self.tokens = FieldTokens(inputs, width, h.embedding_l2, h.history_age, name="tokens")
        self.field_proxies = keras.layers.Dense(h.field_proxies * width, activation="relu", name="field_proxies")
        self.step_proxy = keras.layers.Dense(width, name="step_proxy")
        task_count, task_proxies = (len(inputs.tasks), width), (h.task_proxies, width)
        self.task_tokens = self.add_weight(name="task_tokens", shape=task_count, initializer="glorot_uniform")
        self.task_proxies = self.add_weight(name="task_proxies", shape=task_proxies, initializer="glorot_uniform")
        counts = {"fields": self.tokens.field_count, "steps": None, "tasks": len(inputs.tasks)}
        # The last block updates only the tasks, whose tokens are the only input of the heads.
        groups = [GROUPS] * (h.blocks - 1) + [("tasks",)]
        self.blocks = [
            InformationFlow(width, h.gate_units, h.variant, counts, groups[index], name=f"block_{index}")
            for index in range(h.blocks)
        ]
        self.heads = TaskHeads(inputs.tasks, h.tower_units, h.activation, h.dropout, name="heads")

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `steps`, [B, T, d], their `mask` and `types`, [B, T], and the user's `fields`, [B, N, d]."""
        steps, mask = self.tokens.history(features, training)
        user = {"steps": steps, "mask": mask}
        if self.behaviour_type is not None:
            user["types"] = features[f"history_{self.behaviour_type.name}"]
        fields = self.tokens.user(features, training)
        return user | ({"fields": ops.stack(fields, axis=1)} if fields else {})

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        item_fields = ops.stack(self.tokens.item(features, training), axis=1)
        fields = ops.concatenate([user["fields"], item_fields], axis=1) if "fields" in user else item_fields
        rows, dtype = ops.shape(fields)[0], fields.dtype

        def for_all_rows(weight: keras.Variable) -> Tensor:
            return ops.broadcast_to(ops.cast(weight, dtype)[None], (rows, *weight.shape))

        tokens = {"fields": fields, "steps": user["steps"], "tasks": for_all_rows(self.task_tokens)}
        proxies = {"tasks": for_all_rows(self.task_proxies)}
        if len(self.blocks) > 1:  # a single block updates only the tasks
            flat = ops.reshape(fields, (-1, fields.shape[1] * self.width))
            proxies["fields"] = ops.reshape(self.field_proxies(flat), (-1, self.field_proxy_count, self.width))
            proxies["steps"] = self._step_proxies(user["steps"], user["mask"], user.get("types"))
        for block in self.blocks:
            tokens, proxies = block(tokens, proxies, user["mask"])
        task_tokens = [tokens["tasks"][:, index] for index in range(len(self.inputs_description.tasks))]
        return self.to_logits(self.heads(task_tokens, training=training))

    def _step_proxies(self, steps: Tensor, mask: Tensor, types: Tensor | None) -> Tensor:
        """Return a proxy per behaviour type, and one for steps without a type: [B, F, d].

        Args:
            steps: tokens [B, T, d].
            mask: bool [B, T].
            types: integers [B, T]; None where all steps are of one type.
        """
        is_type = ops.expand_dims(ops.cast(mask, steps.dtype), -1)
        if types is not None and self.behaviour_type is not None:
            is_type = is_type * ops.one_hot(types, self.behaviour_type.rows, dtype=steps.dtype)
        sums = ops.matmul(ops.transpose(is_type, (0, 2, 1)), self.step_proxy(steps))
        if not self.averages_steps:
            return sums
        return sums / ops.maximum(ops.expand_dims(ops.sum(is_type, axis=1), -1), 1.0)


def _behaviour_type(inputs: ModelInputs, name: str) -> CategoricalInput:
    """Return the category along the history that `name` names.

    Raises:
        ValueError: if there is no such category with one value per step.
    """
    categories = {
        category.name: category for category in inputs.categorical if category.in_history and category.values is None
    }
    if name not in categories:
        names = ", ".join(categories) or "none here"
        raise ValueError(
            f"`behaviour_type` should be a category along the history with one value a step ({names}), "
            f"received {name!r}"
        )
    return categories[name]
