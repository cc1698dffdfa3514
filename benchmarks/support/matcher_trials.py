"""Trainings of matchers on a log that is ingested and transformed once; each result is kept."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from benchmarks.support.kept_results import KeptResults
from benchmarks.support.prepared_steps import run_steps_until
from interestflow.digests import code_digest
from interestflow.models import registry
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.training.run_fn import run_fn

JUDGED = "ndcg_50"
"""Validation metric by which settings are chosen."""
WITHOUT_GRAPH = "kgat without graph"
GRAPH_BATCH = 1024
"""Smallest batch of KGAT, the authors': a step propagates the whole graph, however few positives it is for."""


@dataclasses.dataclass(frozen=True)
class MatcherData:
    """Folders of the data of a log.

    Attributes:
        examples: Raw examples.
        transformed: Transformed examples.
        transform: Output of the transform.
        graph: Knowledge graph; None where there is none.
    """

    examples: str
    transformed: str
    transform: str
    graph: str | None

    @classmethod
    def prepare(cls, config: PipelineConfig, runs_folder: str | None) -> MatcherData:
        """Run the pipeline's own steps, unless they are cached, and return their folders."""
        results = run_steps_until("Transform", config, runs_folder)
        with_graph = config.uses_graph and config.data.knowledge_graph is not None
        graph = run_steps_until("KnowledgeGraphGen", config, runs_folder) if with_graph else None
        return cls(
            results["LogExampleGen"].outputs["examples"],
            results["Transform"].outputs["transformed_examples"],
            results["Transform"].outputs["transform_graph"],
            None if graph is None else graph["KnowledgeGraphGen"].outputs["graph"],
        )


def train_matcher(config: PipelineConfig, data: MatcherData, folder: str, with_graph: bool) -> str:
    """Train and export the model of `config`, and return its folder."""
    graph = {"knowledge_graph": data.graph} if with_graph and data.graph else {}
    run_fn(
        SimpleNamespace(
            train_files=[f"{data.transformed}/Split-train/*"],
            eval_files=[f"{data.transformed}/Split-validation/*"],
            transform_output=data.transform,
            serving_model_dir=f"{folder}/model",
            model_run_dir=f"{folder}/logs",
            custom_config={
                "config": config.for_training().model_dump_json(),
                "role": "model",
                "learning_rate": config.training.optimizer.learning_rate,
                "input_fingerprint": "benchmark",
                "code_fingerprint": "benchmark",
                **graph,
            },
        )
    )
    return f"{folder}/model"


def read_validation(folder: str) -> float:
    """Return the validation metric of the training in `folder`."""
    return float(json.loads(Path(f"{folder}/logs/training_summary.json").read_text())["validation"][JUDGED])


def with_model(config: PipelineConfig, name: str, rate: float, seed: int, epochs: int) -> PipelineConfig:
    """Return `config` with another model, rate, seed and epochs; its own model keeps its hyper-parameters."""
    model = config.model if name == config.model.name else registry.parse_hyperparameters(name, {})
    batch_size = config.training.batch_size
    if registry.spec(name).needs_graph:
        batch_size = max(batch_size, GRAPH_BATCH)
    optimizer = config.training.optimizer.model_copy(update={"learning_rate": rate})
    training = config.training.model_copy(
        update={"optimizer": optimizer, "seed": seed, "epochs": epochs, "batch_size": batch_size}
    )
    return config.model_copy(update={"model": model, "training": training})


class MatcherTrials:
    """Trainings of matchers on one log.

    Args:
        config: The log, and all of a model's training except its rate, seed and epochs.
        runs_folder: Folder where results are kept; None for the configuration's.
        measure: Evaluates an exported model on test data, given its folder and the examples. Kept results are
            distinguished by its `__name__`.
        console: Where progress is printed.
    """

    def __init__(
        self,
        config: PipelineConfig,
        runs_folder: str | None,
        measure: Callable[[PipelineConfig, str, str], dict[str, Any]],
        console: Console,
    ) -> None:
        """Prepare the data and the folder of results."""
        self.config = config
        self.data = MatcherData.prepare(config, runs_folder)
        self.measure = measure
        self.console = console
        folder = Path(Folders.local(config, runs_folder).root) / "quality"
        code = code_digest("transforms", "models", "pipeline")
        self.results = KeptResults(folder, code, self.data.transformed, str(self.data.graph))

    def best_rate(self, name: str, rates: list[float], seed: int, epochs: int) -> float:
        """Return the learning rate with the best validation metric."""
        if len(rates) == 1:
            return rates[0]
        values = [self._once(name, rate, seed, epochs, tested=False)["validation"] for rate in rates]
        tried = ", ".join(f"{value:.4f}" for value in values)
        self.console.print(f"{name}: validation {JUDGED} {tried} at {rates}", highlight=False)
        return rates[values.index(max(values))]

    def tested(self, name: str, rate: float, seed: int) -> dict[str, Any]:
        """Return the figures of a training and its evaluation by `measure`."""
        result = self._once(name, rate, seed, self.config.training.epochs, tested=True)
        self.console.print(
            f"{name} seed {seed} at {rate:g}: validation {JUDGED} {result['validation']:.4f}, "
            f"{result['seconds']:.0f} s",
            highlight=False,
        )
        return result

    def _once(self, name: str, rate: float, seed: int, epochs: int, tested: bool) -> dict[str, Any]:
        model, with_graph = ("kgat", False) if name == WITHOUT_GRAPH else (name, True)
        config = with_model(self.config, model, rate, seed, epochs)
        parameters = {
            "model": config.model.model_dump(),
            "training": config.training.model_dump(),
            "with_graph": with_graph,
            "tested": self.measure.__name__ if tested else None,
        }
        return self.results.get_or_compute(name, parameters, lambda: self._train(config, with_graph, tested))

    def _train(self, config: PipelineConfig, with_graph: bool, tested: bool) -> dict[str, Any]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            exported = train_matcher(config, self.data, folder, with_graph)
            result: dict[str, Any] = {"validation": read_validation(folder)}
            if tested:
                result |= self.measure(config, exported, self.data.examples)
        return result | {"seconds": time.monotonic() - began}
