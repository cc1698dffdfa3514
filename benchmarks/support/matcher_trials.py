"""Trainings of matchers on a log that is ingested and transformed once, each kept."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kept_results import KeptResults
from prepared_steps import steps_until
from rich.console import Console

from interestflow.models import registry
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag import fingerprints
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.training.run_fn import run_fn

JUDGED = "ndcg_50"
"""The metric of validation data by which settings are chosen."""
WITHOUT_GRAPH = "kgat without graph"
GRAPH_BATCH = 1024
"""The authors', at least: a step of KGAT's propagates the whole graph, however few positives it is for."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Folders of raw and transformed examples, of the transform, and of the graph, or None."""

    examples: str
    transformed: str
    transform: str
    graph: str | None

    @classmethod
    def of(cls, config: PipelineConfig, runs_folder: str | None) -> Prepared:
        """Made by the pipeline's own steps, or found where an earlier run made the same."""
        made = steps_until("Transform", config, runs_folder)
        with_graph = config.uses_graph and config.data.knowledge_graph is not None
        graph = steps_until("KnowledgeGraphGen", config, runs_folder) if with_graph else None
        return cls(
            made["LogExampleGen"].outputs["examples"],
            made["Transform"].outputs["transformed_examples"],
            made["Transform"].outputs["transform_graph"],
            None if graph is None else graph["KnowledgeGraphGen"].outputs["graph"],
        )


def trained(config: PipelineConfig, prepared: Prepared, folder: str, with_graph: bool) -> str:
    """Trains and exports the model of `config`; returns where it is."""
    graph = {"knowledge_graph": prepared.graph} if with_graph and prepared.graph else {}
    run_fn(
        SimpleNamespace(
            train_files=[f"{prepared.transformed}/Split-train/*"],
            eval_files=[f"{prepared.transformed}/Split-validation/*"],
            transform_output=prepared.transform,
            serving_model_dir=f"{folder}/model",
            model_run_dir=f"{folder}/logs",
            custom_config={
                "config": config.for_training().model_dump_json(),
                "role": "model",
                "fingerprint": "benchmark",
                **graph,
            },
        )
    )
    return f"{folder}/model"


def validation_of(folder: str) -> float:
    return float(json.loads(Path(f"{folder}/logs/training_summary.json").read_text())["validation"][JUDGED])


def with_model(config: PipelineConfig, name: str, rate: float, seed: int, epochs: int) -> PipelineConfig:
    """`config` with another model; its own model keeps the hyper-parameters that it has."""
    model = config.model if name == config.model.name else registry.parse_hyperparameters(name, {})
    batch_size = config.training.batch_size
    if registry.spec(name).needs_graph:
        batch_size = max(batch_size, GRAPH_BATCH)
    optimizer = config.training.optimizer.model_copy(update={"learning_rate": rate})
    training = config.training.model_copy(
        update={"optimizer": optimizer, "seed": seed, "epochs": epochs, "batch_size": batch_size}
    )
    return config.model_copy(update={"model": model, "training": training})


class Trials:
    """Trainings of one log.

    Args:
        config: the log, and all of a model's training but its rate, seed and epochs.
        runs_folder: where results are kept; None: the configuration's.
        measure: what is to be known of an exported model on test data, from its folder and the examples. Results that
            are kept are told apart by its `__name__`.
        console: where progress goes.
    """

    def __init__(
        self,
        config: PipelineConfig,
        runs_folder: str | None,
        measure: Callable[[PipelineConfig, str, str], dict[str, Any]],
        console: Console,
    ) -> None:
        self.config = config
        self.prepared = Prepared.of(config, runs_folder)
        self.measure = measure
        self.console = console
        folder = Path(Folders.local(config, runs_folder).root) / "quality"
        code = fingerprints.code_digest("transforms", "models", "pipeline")
        self.kept = KeptResults(folder, code, self.prepared.transformed, str(self.prepared.graph))

    def best_rate(self, name: str, rates: list[float], seed: int, epochs: int) -> float:
        """The learning rate by which the model is best on validation data."""
        if len(rates) == 1:
            return rates[0]
        found = [self._once(name, rate, seed, epochs, tested=False)["validation"] for rate in rates]
        tried = ", ".join(f"{value:.4f}" for value in found)
        self.console.print(f"{name}: validation {JUDGED} {tried} at {rates}", highlight=False)
        return rates[found.index(max(found))]

    def tested(self, name: str, rate: float, seed: int) -> dict[str, Any]:
        """A training, and what `measure` says of it."""
        found = self._once(name, rate, seed, self.config.training.epochs, tested=True)
        self.console.print(
            f"{name} seed {seed} at {rate:g}: validation {JUDGED} {found['validation']:.4f}, {found['seconds']:.0f} s",
            highlight=False,
        )
        return found

    def _once(self, name: str, rate: float, seed: int, epochs: int, tested: bool) -> dict[str, Any]:
        model, with_graph = ("kgat", False) if name == WITHOUT_GRAPH else (name, True)
        config = with_model(self.config, model, rate, seed, epochs)
        about = {
            "model": config.model.model_dump(),
            "training": config.training.model_dump(),
            "with_graph": with_graph,
            "tested": self.measure.__name__ if tested else None,
        }
        return self.kept.once(name, about, lambda: self._trained(config, with_graph, tested))

    def _trained(self, config: PipelineConfig, with_graph: bool, tested: bool) -> dict[str, Any]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            exported = trained(config, self.prepared, folder, with_graph)
            result: dict[str, Any] = {"validation": validation_of(folder)}
            if tested:
                result |= self.measure(config, exported, self.prepared.examples)
        return result | {"seconds": time.monotonic() - began}
