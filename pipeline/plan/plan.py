"""The plan of a run: what each step would take, what was assumed, and which limit comes first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.models.training_config import TrainingConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.plan.coefficients import Coefficients
from interestflow.pipeline.plan.estimate import StepCost, Subject, estimate_steps
from interestflow.pipeline.plan.limits import MAX_IDS, Limit, find_limit
from interestflow.pipeline.plan.log_size import LogSize
from interestflow.pipeline.plan.tables import expected_inputs, expected_tables
from interestflow.pipeline.plan.workload import STEPS, Workload
from interestflow.storage import is_remote

MEGABYTE = 2**20
CACHE_SHARE = 0.25
"""Share of `memory` that training caches a split in; see `cache_limit_mb` of `pipeline/training/run_fn.py`."""


@dataclass(frozen=True)
class Plan:
    """What a run would take.

    Attributes:
        config: the configuration.
        size: the log.
        model, baseline: what is trained; None for a baseline that is not.
        costs: each step.
        limits: everything that may not be exceeded.
        assumptions: sentences about what was estimated.
    """

    config: PipelineConfig
    size: LogSize
    model: Subject
    baseline: Subject | None
    costs: Sequence[StepCost]
    limits: Sequence[Limit]
    assumptions: Sequence[str] = field(default_factory=tuple)

    @property
    def fits(self) -> bool:
        """Whether no limit is exceeded."""
        return not any(limit.is_exceeded for limit in self.limits)


def make_plan(config: PipelineConfig, size: LogSize, coefficients: Coefficients, folders: Folders) -> Plan:
    """Return the plan of a run of `config` on a log of this size."""
    assumptions = list(size.assumptions)
    model = _subject(config, config.model, config.training, size, assumptions)
    baseline = None
    if config.evaluation.compare_with_baseline:
        training = config.baseline_training or config.training
        baseline = _subject(config, config.baseline or config.plain, training, size, assumptions)

    def costs(factor: float, items_factor: float) -> list[StepCost]:
        bound = config.memory_bytes / MEGABYTE
        grown = None if baseline is None else baseline.grown(factor, items_factor)
        return estimate_steps(coefficients, model.grown(factor, items_factor), grown, bound)

    now = costs(1.0, 1.0)
    for cost in now:
        if not cost.is_measured:
            assumptions.append(f"{cost.step} is taken to cost what `din` does: its model was not measured")
    planned = {cost.step for cost in now}
    missing = [step for step in STEPS if step not in planned and (baseline or not step.startswith("Baseline"))]
    if missing:
        assumptions.append(f"not measured, and not in the plan: {', '.join(missing)}")
    if config.training.epochs > 1:
        assumptions.append("training is taken to go through all of its epochs; it may stop early")
    return Plan(config, size, model, baseline, now, _limits(config, size, model, costs, folders), assumptions)


def _subject(
    config: PipelineConfig,
    model: ModelHyperparameters,
    training: TrainingConfig,
    size: LogSize,
    assumptions: list[str],
) -> Subject:
    """Return what is trained in one role, and add what was assumed of its tables."""
    inputs = expected_inputs(config, size.items, size.users, size.values)
    tables, assumption = expected_tables(model, inputs, training.optimizer)
    if assumption is not None and assumption not in assumptions:
        assumptions.append(assumption)
    features, split = config.features, config.split
    examples = _examples_per_event(config, size) * size.events
    if split.validation_from is not None:
        assumptions.append("the splits at instants are taken to have the default shares of the events")
    return Subject(
        model.name,
        Workload(
            events=size.events,
            examples={name: getattr(split, name) * examples for name in ("train", "validation", "test")},
            items=size.items,
            users=size.users,
            history=size.history,
            max_length=config.sequence.max_length,
            history_attributes=len(features.history_attributes()),
            target_attributes=len(features.target_attributes()),
            epochs=training.epochs,
            cache_limit_mb=min(training.cache_limit_mb, CACHE_SHARE * config.memory_bytes / MEGABYTE),
            table_mb=sum(table.bytes for table in tables) / MEGABYTE,
        ),
    )


def _examples_per_event(config: PipelineConfig, size: LogSize) -> float:
    """Return the examples for each event: with sampled negatives, the positives and their negatives."""
    negatives = config.negatives
    return size.positives * (1 + negatives.per_positive) if negatives.source == "sampled" else 1.0


def _limits(
    config: PipelineConfig,
    size: LogSize,
    model: Subject,
    costs: Callable[[float, float], list[StepCost]],
    folders: Folders,
) -> list[Limit]:
    """Return the limits of this machine and of the configuration."""

    def limit(name: str, available: float, unit: str, need: Callable[[float, float], float]) -> Limit:
        return find_limit(name, available, unit, need, size.events, size.items)

    def memory(events: float, items: float) -> float:
        return max(cost.peak_mb for cost in costs(events, items))

    def disk(events: float, items: float) -> float:
        steps = costs(events, items)
        # Files that a step writes and removes again are there beside its output.
        passing = max(max(cost.written_mb - cost.output_mb, 0.0) for cost in steps)
        return sum(cost.output_mb for cost in steps) + passing

    limits = [
        limit(f"`memory`, {config.memory}, of a process", config.memory_bytes / MEGABYTE, "MB", memory),
        limit("memory of this machine", machine_memory() / MEGABYTE, "MB", memory),
        limit("rows of a table, whose ids have 32 bits", MAX_IDS, "items", lambda _, items: size.items * items),
    ]
    if not is_remote(folders.artifacts):
        free = free_bytes(folders.artifacts) / MEGABYTE
        limits.append(limit(f"free disk at {folders.artifacts}", free, "MB", disk))
    tables = model.workload.table_mb
    machine = machine_memory() / MEGABYTE
    limits.append(limit("tables in the memory of this machine", machine, "MB", lambda _, items: tables * items))
    budget = config.training.max_embedding_memory_mb
    if budget is not None:
        limits.append(limit("`training.max_embedding_memory_mb`", budget, "MB", lambda _, items: tables * items))
    return limits


def machine_memory() -> float:
    """Return the memory of this machine in bytes."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def free_bytes(folder: str) -> float:
    """Return the free bytes of the disk that holds `folder`, or will hold it."""
    path = Path(folder)
    while not path.exists():
        path = path.parent
    return float(shutil.disk_usage(path).free)
