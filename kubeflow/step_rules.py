"""Rules of single steps that only the builder of a pipeline knows: caching, conditions and parameters of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunParameter:
    """Parameter that each run of a compiled pipeline may set.

    Attributes:
        name: name of the TFX `RuntimeParameter`, as runs give it.
        default: value of runs that do not give it; its type, text or a number, is the parameter's.
        description: sentence that the Kubeflow interface shows beside it.
    """

    name: str
    default: str | float
    description: str


@dataclass(frozen=True)
class StepRules:
    """What the backend must know of the steps of one pipeline.

    Attributes:
        uncached: ids of the steps that run every time.
        conditions: CEL expression by the id of the step that runs only where it holds, and is shown as skipped
            elsewhere. A key that the expression reads and the step's inputs lack fails the run.
        verdicts: ids of the steps that fail to say no. Another attempt would say the same, so there is none unless
            `kubeflow.steps` asks for it.
        parameters: the parameters of a run: one for each TFX `RuntimeParameter` in the pipeline.
    """

    uncached: frozenset[str] = frozenset()
    conditions: Mapping[str, str] = field(default_factory=dict)
    verdicts: frozenset[str] = frozenset()
    parameters: Sequence[RunParameter] = ()
