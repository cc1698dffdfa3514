"""Declaration of a model and of everything that it needs. Imports no Keras."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

from interestflow.models.hyperparameters import ModelHyperparameters

Family = Literal["ranker", "matcher"]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that the project knows about one model, declared next to the model.

    Configuration, registry, pipeline and documentation read it; none of them knows a model by its name. A package
    outside this project registers a model by an entry point of the group `interestflow.models` that names such an
    object: see docs/add-a-model.md.

    Args:
        name: the name that configurations use; `hyperparameters` has the same as its default.
        family: "ranker" scores candidates for a request; "matcher" retrieves items from the whole catalogue.
        implementation: the Keras model as "module:Class", imported on first use.
        hyperparameters: class of the model's configuration section.
        paper: authors, venue and arXiv id of the paper, or a plain description where there is none.
        summary: what the model is for, in one sentence.
        baseline: name of the plain model that a run compares with.
        needs_user_ids: whether the model has an embedding for each user id (`features.user.in_model`).
        needs_graph: whether the model learns from a `CollaborativeGraph`, which its constructor takes as `graph`.
        no_tables_reason: why the key `embeddings` has no effect; None where the model has the usual embedding tables.
        no_xla_reason: what the training step does that XLA cannot compile; None where it compiles.

    Raises:
        ValueError: if the name is not the default of `hyperparameters.name`, or `implementation` has no colon.

    Example:
        >>> from interestflow.models.rankers.din_spec import SPEC
        >>> SPEC.name, SPEC.family, SPEC.baseline
        ('din', 'ranker', 'pooled')
    """

    name: str
    family: Family
    implementation: str
    hyperparameters: type[ModelHyperparameters]
    paper: str
    summary: str
    baseline: str
    needs_user_ids: bool = False
    needs_graph: bool = False
    no_tables_reason: str | None = None
    no_xla_reason: str | None = None

    def __post_init__(self) -> None:
        """Check that the parts agree."""
        default = self.hyperparameters.model_fields["name"].default
        if default != self.name:
            raise ValueError(f"`hyperparameters.name` should have the default {self.name!r}, received {default!r}")
        if ":" not in self.implementation:
            raise ValueError(f"`implementation` should be 'module:Class', received {self.implementation!r}")

    @property
    def is_matcher(self) -> bool:
        """Whether the model retrieves items, rather than ranking the candidates it is given."""
        return self.family == "matcher"

    def load(self) -> Any:
        """Import and return the class of the model."""
        module, _, name = self.implementation.partition(":")
        return getattr(importlib.import_module(module), name)
