"""Exchange of information between groups of tokens through a few proxies of each group: INFNet's block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.attention.cross_attention import CrossAttention
from interestflow.models.layers.attention.proxy_gated_unit import ProxyGatedUnit
from interestflow.models.tensor import Shape, Tensor

GROUPS = ("fields", "steps", "tasks")
"""Groups of tokens: of features, of behaviours, and of tasks."""
TASK_TOKENS = "own"
"""Name of the flows whose queries are the tokens of tasks themselves, rather than proxies."""


@keras.saving.register_keras_serializable(package="interestflow")
class InformationFlow(keras.layers.Layer):
    """One block: each group's proxies attend to the other groups, then gate the tokens of their own group.

    With tokens `C`, `S` and `T` of fields, steps and tasks, and proxies `C~`, `S~` and `T~`, version 1 is

        C~ = LayerNorm(C~ + CA(C~, S) + CA(C~, T))     likewise S~, T~ and the tasks' own tokens T
        C  = LayerNorm(C + PGU(C, C~))                 likewise S and T

    where CA is `CrossAttention` and PGU `ProxyGatedUnit`. Certain, from the paper: cross-attention, the gates and what
    attends to what. Our reading: the residuals and normalizations, which the formulas leave out and the text has, and
    without which the tokens of all tasks become one; and that each flow has weights of its own. Version 2, known to us
    from its abstract and a port: proxies and tasks attend to all three groups, the results are joined and mapped
    instead of added, and gates shift too.

    Args:
        width: width of a token.
        hidden: width of the gates' hidden layer.
        variant: `v1` or `v2`.
        counts: number of tokens by group; None where it varies.
        groups: groups that are updated; in the last block only `tasks`, since nothing else is read.

    Example:

    >>> flow = InformationFlow(4, 8, "v1", {"fields": 2, "steps": None, "tasks": 1})
    >>> tokens = {"fields": ops.ones((3, 2, 4)), "steps": ops.ones((3, 5, 4)), "tasks": ops.ones((3, 1, 4))}
    >>> tokens, proxies = flow(tokens, dict(tokens), ops.ones((3, 5), "bool"))
    >>> {group: tuple(values.shape) for group, values in tokens.items()}
    {'fields': (3, 2, 4), 'steps': (3, 5, 4), 'tasks': (3, 1, 4)}

    Reference:
        Task-aware Information Flow Network, arXiv 2508.11565, version 1.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        variant: str,
        counts: Mapping[str, int | None],
        groups: Sequence[str] = GROUPS,
        **kwargs: Any,
    ) -> None:
        """Create the flows, the gates and the normalizations."""
        super().__init__(**kwargs)
        self.width, self.hidden, self.variant = width, hidden, variant
        self.counts = dict(counts)
        self.groups = tuple(groups)
        attends_to_own_group = variant == "v2"
        names = (*self.groups, TASK_TOKENS)

        def flows(name: str) -> dict[str, CrossAttention]:
            group = "tasks" if name == TASK_TOKENS else name
            sources = [source for source in GROUPS if attends_to_own_group or source != group]
            return {
                source: CrossAttention(width, counts[source] == 1, name=f"{name}_from_{source}") for source in sources
            }

        self.flows = {name: flows(name) for name in names}
        self.joined = (
            {name: keras.layers.Dense(width, name=f"{name}_joined") for name in names} if attends_to_own_group else {}
        )
        self.gates = {
            group: ProxyGatedUnit(hidden, attends_to_own_group, name=f"{group}_gate") for group in self.groups
        }
        norms = [*(f"{name}_attended" for name in names), *(f"{group}_gated" for group in self.groups)]
        self.norms = {name: keras.layers.LayerNormalization(name=name) for name in norms}
        # Keras does not track layers that only a dictionary within a dictionary holds.
        self.all_flows = [flow for by_source in self.flows.values() for flow in by_source.values()]

    def build(self, tokens_shape: Mapping[str, Shape], proxies_shape: Mapping[str, Shape], *_: Shape) -> None:
        """Build the flows, the gates and the normalizations for tokens and proxies of these shapes, by group."""
        for name, flows in self.flows.items():
            queries_shape = tokens_shape["tasks"] if name == TASK_TOKENS else proxies_shape[name]
            for source, flow in flows.items():
                flow.build(queries_shape, tokens_shape[source])
            if self.joined:
                self.joined[name].build((*queries_shape[:-1], len(flows) * self.width))
            self.norms[f"{name}_attended"].build(queries_shape)
        for group in self.groups:
            self.gates[group].build(tokens_shape[group], proxies_shape[group])
            self.norms[f"{group}_gated"].build(tokens_shape[group])

    def call(
        self, tokens: dict[str, Tensor], proxies: dict[str, Tensor], mask: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Update the tokens and proxies of `groups`.

        Args:
            tokens: [B, N, d] by group.
            proxies: [B, M, d] by group.
            mask: bool [B, T], of the steps.

        Returns:
            Tokens of all groups and proxies of `groups`, of the same shapes.
        """
        masks = {"fields": None, "steps": mask, "tasks": None}
        attended = {}
        for name, flows in self.flows.items():
            queries = tokens["tasks"] if name == TASK_TOKENS else proxies[name]
            parts = [flow(queries, tokens[source], mask=masks[source]) for source, flow in flows.items()]
            news = self.joined[name](ops.concatenate(parts, axis=-1)) if self.joined else sum(parts[1:], parts[0])
            attended[name] = self.norms[f"{name}_attended"](queries + news)
        tokens = tokens | {"tasks": attended.pop(TASK_TOKENS)}
        gated = {
            group: self.norms[f"{group}_gated"](tokens[group] + self.gates[group](tokens[group], attended[group]))
            for group in self.groups
        }
        return tokens | gated, attended

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "width": self.width,
            "hidden": self.hidden,
            "variant": self.variant,
            "counts": dict(self.counts),
            "groups": list(self.groups),
        }
