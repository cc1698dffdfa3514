"""Task-aware Information Flow Network: arXiv 2508.11565, version 1."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from models.config import INFNetHyperparameters
from models.inputs import ModelInputs
from models.layers.cross_attention import CrossAttention
from models.layers.embedding_table import EmbeddingTable, embed_values
from models.layers.masked_ops import masked_mean, masked_sum
from models.layers.mlp_tower import MLPTower
from models.layers.proxy_gated_unit import ProxyGatedUnit
from models.ranker import Ranker

GROUPS = ("fields", "steps", "tasks")


@keras.saving.register_keras_serializable(package="interestflow")
class InformationFlow(keras.layers.Layer):
    """One block: each group's proxies look at the other groups, then gate their own group's tokens.

    Version 1: `C~ = CA(C~, S) + CA(C~, T)`, likewise for the others' proxies and for the tasks' own tokens, then
    `PGU(X, X~)`. The formulas leave residuals out, the text has them, and without them all tasks' tokens become one: so
    there is `LayerNorm(x + ...)` around every flow and gate, which is our reading, as is that each flow has weights
    of its own. Version 2, known to us from its abstract and a port: proxies look at all three groups, what they found
    is joined and mapped, and gates shift too.

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

        def flows(name: str, others: list[str]) -> dict[str, CrossAttention]:
            return {other: CrossAttention(width, counts[other] == 1, name=f"{name}_from_{other}") for other in others}

        of_all = variant == "v2"
        self.flows = {group: flows(group, [other for other in GROUPS if of_all or other != group]) for group in groups}
        self.joined = {group: keras.layers.Dense(width, name=f"{group}_joined") for group in groups} if of_all else {}
        self.task_flows = flows("own", ["fields", "steps"])
        self.gates = {group: ProxyGatedUnit(hidden, of_all, name=f"{group}_gate") for group in groups}
        names = [f"{group}_{part}" for group in groups for part in ("proxies", "tokens")] + ["own"]
        self.norms = {name: keras.layers.LayerNormalization(name=f"{name}_norm") for name in names}
        # A SavedModel finds layers in lists; those in dicts alone it does not.
        by_name = [*self.flows.values(), self.joined, self.task_flows, self.gates, self.norms]
        self.parts = [layer for layers in by_name for layer in layers.values()]

    def call(self, tokens: dict[str, Any], proxies: dict[str, Any], mask: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        masks = {"fields": None, "steps": mask, "tasks": None}
        found = {}
        for group in self.groups:
            parts = [
                flow(proxies[group], tokens[other], mask=masks[other]) for other, flow in self.flows[group].items()
            ]
            news = self.joined[group](ops.concatenate(parts, axis=-1)) if self.joined else sum(parts[1:], parts[0])
            found[group] = self.norms[f"{group}_proxies"](proxies[group] + news)
        parts = [flow(tokens["tasks"], tokens[other], mask=masks[other]) for other, flow in self.task_flows.items()]
        tokens = tokens | {"tasks": self.norms["own"](tokens["tasks"] + sum(parts[1:], parts[0]))}
        gated = {
            group: self.norms[f"{group}_tokens"](tokens[group] + self.gates[group](tokens[group], found[group]))
            for group in self.groups
        }
        return tokens | gated, found


@keras.saving.register_keras_serializable(package="interestflow")
class INFNet(Ranker):
    """Every field, every behaviour and every task is a token; a few proxies carry what a group has to tell the others.

    Fields are the item, its attributes, the user, profile, context and numbers; steps are behaviours (item and
    attributes joined and mapped to one width, their age if asked for); tasks are learned tokens. Each group has a few
    proxies: `fields`' are an MLP of all fields, `steps`' the masked sum of a projection of all steps (one behaviour
    type, since a log has one sequence here), `tasks`' are learned. After some blocks of `InformationFlow`, each task's
    token gives its logit through an MLP of its own. The cost is linear in the number of steps.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `INFNetHyperparameters`.
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
        self.tables = {name: EmbeddingTable(count, d, h.embedding_l2, name=name) for name, count in rows.items()}
        in_target = [each for each in inputs.categorical if each.in_target]
        self.user_fields = [] if inputs.user_rows is None else ["user"]
        self.user_fields += [each.name for each in in_target if each.side != "item"]
        self.item_fields = ["item", *(each.name for each in in_target if each.side == "item")]
        self.step_fields = [each.name for each in inputs.categorical if each.in_history]
        self.numbers = {each.name: keras.layers.Dense(d, name=f"number_{each.name}") for each in inputs.numeric}
        self.user_numbers = [each.name for each in inputs.numeric if each.side != "item"]
        self.item_numbers = [each.name for each in inputs.numeric if each.side == "item"]
        self.embeddings = [*self.tables.values(), *self.numbers.values()]  # in a list, where a SavedModel finds them
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
            embed_values(self.tables[name], features[f"history_{name}"], 2, training) for name in self.step_fields[1:]
        ]
        if self.age:
            parts.append(self.tables["age"](ops.minimum(features["history_age"], self.oldest), training=training))
        fields = self._fields(features, self.user_fields, self.user_numbers, training)
        user = {"steps": self.step(ops.concatenate(parts, axis=-1)), "mask": mask}
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
            pool = masked_mean if self.variant == "v2" else masked_sum
            proxies |= {"fields": of_fields, "steps": pool(self.step_proxy(steps), mask)[:, None]}
        for block in self.blocks:
            tokens, proxies = block(tokens, proxies, mask)
        logits = [
            score(tower(tokens["tasks"][:, number], training=training))
            for number, (tower, score) in enumerate(zip(self.towers, self.scores, strict=True))
        ]
        return self.to_logits(ops.concatenate(logits, axis=-1))

    def _fields(
        self, features: dict[str, Any], names: list[str], numbers: list[str], training: bool | None
    ) -> list[Any]:
        found = [embed_values(self.tables[name], features[name], 1, training) for name in names]
        return found + [
            self.numbers[name](ops.cast(ops.expand_dims(features[name], -1), self.compute_dtype)) for name in numbers
        ]
