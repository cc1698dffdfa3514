"""Task-aware Information Flow Network: arXiv 2508.11565, version 1."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import CategoricalInput, ModelInputs
from interestflow.models.layers.attention.cross_attention import CrossAttention
from interestflow.models.layers.attention.proxy_gated_unit import ProxyGatedUnit
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.embedding_table import embed_values
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.infnet_spec import INFNetHyperparameters

GROUPS = ("fields", "steps", "tasks")


@keras.saving.register_keras_serializable(package="interestflow")
class InformationFlow(keras.layers.Layer):
    """One block: each group's proxies look at the other groups, then gate their own group's tokens.

    Version 1: `C~ = CA(C~, S) + CA(C~, T)`, likewise for the others' proxies and for the tasks' own tokens, then
    `PGU(X, X~)`. The formulas leave residuals out, the text has them, and without them all tasks' tokens become one: so
    there is `LayerNorm(x + ...)` around every flow and gate, which is our reading, as is that each flow has weights
    of its own. Version 2, known to us from its abstract and a port: proxies and tasks look at all three groups, what
    they found is joined and mapped, and gates shift too.

    Args:
        width: of a token.
        hidden: of the gates' MLPs.
        variant: v1 or v2.
        counts: tokens by group; None where there may be any number.
        groups: which are brought forward; in the last block the tasks alone, whose tokens are all that is read.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        variant: str,
        counts: dict[str, int | None],
        groups: tuple[str, ...] = GROUPS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        of_all = variant == "v2"
        looking = (*groups, "own")  # proxies by group, and the tasks' own tokens

        def flows(name: str) -> dict[str, CrossAttention]:
            group = "tasks" if name == "own" else name
            seen = [other for other in GROUPS if of_all or other != group]
            return {other: CrossAttention(width, counts[other] == 1, name=f"{name}_from_{other}") for other in seen}

        self.flows = {name: flows(name) for name in looking}
        self.joined = {name: keras.layers.Dense(width, name=f"{name}_joined") for name in looking} if of_all else {}
        self.gates = {group: ProxyGatedUnit(hidden, of_all, name=f"{group}_gate") for group in groups}
        names = [*(f"{name}_looked" for name in looking), *(f"{group}_gated" for group in groups)]
        self.norms = {name: keras.layers.LayerNormalization(name=name) for name in names}
        # A SavedModel does not find layers that are in a dict within a dict alone.
        self.all_flows = [flow for seen in self.flows.values() for flow in seen.values()]

    def call(self, tokens: dict[str, Any], proxies: dict[str, Any], mask: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tokens [B, N, d] and proxies [B, M, d] by group, the steps' mask bool [B, T], to tokens and proxies."""
        masks = {"fields": None, "steps": mask, "tasks": None}
        found = {}
        for name, flows in self.flows.items():
            before = tokens["tasks"] if name == "own" else proxies[name]
            parts = [flow(before, tokens[other], mask=masks[other]) for other, flow in flows.items()]
            news = self.joined[name](ops.concatenate(parts, axis=-1)) if self.joined else sum(parts[1:], parts[0])
            found[name] = self.norms[f"{name}_looked"](before + news)
        tokens = tokens | {"tasks": found.pop("own")}
        gated = {
            group: self.norms[f"{group}_gated"](tokens[group] + self.gates[group](tokens[group], found[group]))
            for group in self.groups
        }
        return tokens | gated, found


@keras.saving.register_keras_serializable(package="interestflow")
class INFNet(Ranker):
    """Every field, every behaviour and every task is a token; a few proxies carry what a group has to tell the others.

    Fields are the item, its attributes, the user, profile, context and numbers; steps are behaviours (item and
    attributes joined and mapped to one width, their age if asked for); tasks are learned tokens. Each group has a few
    proxies: `fields`' are an MLP of all fields, `steps`' the masked sum of a projection of the steps of each behaviour
    type, `tasks`' are learned. After some blocks of `InformationFlow`, each task's token gives its logit through an MLP
    of its own. The cost is linear in the number of steps.

    The paper has one sequence a behaviour type; a log has one history here, so a type is a value of the category along
    it that `behaviour_type` names, and without a name all steps are of one type.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `INFNetHyperparameters`.

    Raises:
        ValueError: where `behaviour_type` is not a category along the history with one value a step.
    """

    Hyperparameters = INFNetHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: INFNetHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, d = hyperparameters, hyperparameters.embedding_dimension
        self.width, self.variant, self.age = d, h.variant, h.history_age
        rows = {"item": inputs.item_rows, **{each.name: each.rows for each in inputs.categorical}}
        if inputs.user_rows is not None:
            rows["user"] = inputs.user_rows
        if h.history_age:
            rows["age"] = inputs.history_age_buckets + 1
        self.oldest = inputs.history_age_buckets
        layouts = {each.name: each.layout for each in inputs.categorical}
        layouts |= {"item": inputs.item_layout, "user": inputs.user_layout}
        self.tables = {
            name: build_table(count, d, layouts.get(name), h.embedding_l2, name=name) for name, count in rows.items()
        }
        in_target = [each for each in inputs.categorical if each.in_target]
        self.user_fields = [] if inputs.user_rows is None else ["user"]
        self.user_fields += [each.name for each in in_target if each.side != "item"]
        self.item_fields = ["item", *(each.name for each in in_target if each.side == "item")]
        self.step_fields = [each.name for each in inputs.categorical if each.in_history]
        self.types = None if h.behaviour_type is None else self._types(h.behaviour_type)
        self.numbers = {each.name: keras.layers.Dense(d, name=f"number_{each.name}") for each in inputs.numeric}
        self.user_numbers = [each.name for each in inputs.numeric if each.side != "item"]
        self.item_numbers = [each.name for each in inputs.numeric if each.side == "item"]
        self.step = keras.layers.Dense(d, name="step")
        self.field_proxies = keras.layers.Dense(h.field_proxies * d, activation="relu", name="field_proxies")
        self.field_count = h.field_proxies
        self.step_proxy = keras.layers.Dense(d, name="step_proxy")
        tasks, shared = (len(inputs.tasks), d), (h.task_proxies, d)
        self.own_tasks = self.add_weight(name="tasks", shape=tasks, initializer="glorot_uniform")
        self.shared_tasks = self.add_weight(name="shared_tasks", shape=shared, initializer="glorot_uniform")
        fields = len(self.user_fields) + len(self.item_fields) + len(self.numbers)
        counts = {"fields": fields, "steps": None, "tasks": len(inputs.tasks)}
        self.blocks = [
            InformationFlow(
                d, h.gate_units, h.variant, counts, GROUPS if i + 1 < h.blocks else ("tasks",), name=f"block_{i}"
            )
            for i in range(h.blocks)
        ]
        self.towers = [MLPTower(h.tower_units, h.activation, h.dropout, name=f"tower_{task}") for task in inputs.tasks]
        self.scores = [keras.layers.Dense(1, dtype="float32", name=f"score_{task}") for task in inputs.tasks]

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        mask = features["history_item"] != 0
        parts = [self.tables["item"](features["history_item"], training=training)]
        parts += [
            embed_values(self.tables[name], features[f"history_{name}"], 2, training) for name in self.step_fields
        ]
        if self.age:
            parts.append(self.tables["age"](ops.minimum(features["history_age"], self.oldest), training=training))
        fields = self._fields(features, self.user_fields, self.user_numbers, training)
        user = {"steps": self.step(ops.concatenate(parts, axis=-1)), "mask": mask}
        if self.types is not None:
            user["types"] = features[f"history_{self.types.name}"]
        return user | ({"fields": ops.stack(fields, axis=1)} if fields else {})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        own = ops.stack(self._fields(features, self.item_fields, self.item_numbers, training), axis=1)
        fields = ops.concatenate([user["fields"], own], axis=1) if "fields" in user else own
        steps, mask = user["steps"], user["mask"]
        rows = ops.shape(own)[0]

        def for_all(weight: Any) -> Any:
            return ops.broadcast_to(ops.cast(weight, own.dtype)[None], (rows, *weight.shape))

        tokens = {"fields": fields, "steps": steps, "tasks": for_all(self.own_tasks)}
        proxies = {"tasks": for_all(self.shared_tasks)}
        if len(self.blocks) > 1:  # one block alone brings nothing forward but the tasks
            flat = ops.reshape(fields, (-1, fields.shape[1] * self.width))
            of_fields = ops.reshape(self.field_proxies(flat), (-1, self.field_count, self.width))
            proxies |= {"fields": of_fields, "steps": self._of_types(steps, mask, user.get("types"))}
        for block in self.blocks:
            tokens, proxies = block(tokens, proxies, mask)
        logits = [
            score(tower(tokens["tasks"][:, number], training=training))
            for number, (tower, score) in enumerate(zip(self.towers, self.scores, strict=True))
        ]
        return self.to_logits(ops.concatenate(logits, axis=-1))

    def _types(self, name: str) -> CategoricalInput:
        found = {each.name: each for each in self.inputs_description.categorical if each.in_history}
        single = [each.name for each in found.values() if each.values is None]
        if name not in single:
            known = ", ".join(single) or "none here"
            raise ValueError(
                f"`behaviour_type` should be a category along the history with one value a step ({known}), "
                f"received {name!r}"
            )
        return found[name]

    def _of_types(self, steps: Any, mask: Any, types: Any | None) -> Any:
        """The steps' proxies [B, F, d]: of each type, and of steps without one, the sum, or in version 2 the mean."""
        of_type = ops.expand_dims(ops.cast(mask, steps.dtype), -1)
        if types is not None and self.types is not None:
            of_type = of_type * ops.one_hot(types, self.types.rows, dtype=steps.dtype)
        sums = ops.matmul(ops.transpose(of_type, (0, 2, 1)), self.step_proxy(steps))
        if self.variant == "v1":
            return sums
        return sums / ops.maximum(ops.expand_dims(ops.sum(of_type, axis=1), -1), 1.0)

    def _fields(
        self, features: dict[str, Any], names: list[str], numbers: list[str], training: bool | None
    ) -> list[Any]:
        found = [embed_values(self.tables[name], features[name], 1, training) for name in names]
        return found + [
            self.numbers[name](ops.cast(ops.expand_dims(features[name], -1), self.compute_dtype)) for name in numbers
        ]
