"""Matchers beside one another on a run's examples: each tuned on validation alone, then trained with several seeds.

    python benchmarks/retrieval_quality.py configs/movielens-100k-matcher.yaml --data-folder DATA

The pipeline's own steps make the examples and transform them, once for all. Each matcher then gets the same budget: one
training of `--search-epochs` with the first seed for each of `--rates`, of which the best by NDCG@50 on validation is
kept. With it the model is trained once a seed, for the configuration's epochs at most, stopped by the same metric. What
is printed is the mean over seeds on the test split, all items ranked, and the spread (the standard deviation). `kgat
without graph` is KGAT that knows what users took alone. Exits with 1 where a matcher is below popularity, or below
two_tower by more than the noise: twice the standard error of the difference of both means. Every training's figures are
kept under the runs folder, and a second call, or one that was stopped, goes on from there as long as code and data are
the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from kept_results import KeptResults
from prepared_steps import steps_until
from rich.console import Console
from rich.table import Table

from models.config import ModelConfig
from models.matcher_config import MATCHER_HYPERPARAMETERS
from pipeline import fingerprint
from pipeline.beam_arguments import BEAM_ARGUMENTS
from pipeline.config import PipelineConfig, load
from pipeline.evaluation_result import TaskMetrics
from pipeline.folders import Folders
from pipeline.retrieval_evaluation import evaluate_matcher
from pipeline.trainer import run_fn

SHOWN = ("recall_10", "recall_20", "recall_50", "ndcg_10", "ndcg_20", "ndcg_50", "coverage_50")
JUDGED = "ndcg_50"
BASELINE, POPULARITY, WITHOUT_GRAPH = "two_tower", "popularity", "kgat without graph"
Figures = dict[str, list[dict[str, float]]]
"""By model, the metrics of each seed."""


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
    model = config.model if name == config.model.name else ModelConfig(name=name)
    optimizer = config.training.optimizer.model_copy(update={"learning_rate": rate})
    training = config.training.model_copy(update={"optimizer": optimizer, "seed": seed, "epochs": epochs})
    return config.model_copy(update={"model": model, "training": training})


class Trials:
    """Trainings of one log."""

    def __init__(self, config: PipelineConfig, runs_folder: str | None, console: Console) -> None:
        self.config = config
        self.prepared = Prepared.of(config, runs_folder)
        self.console = console
        folder = Path(Folders.local(config, runs_folder).root) / "quality"
        code = fingerprint.of_code("transforms", "models", "pipeline")
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
        """A training, and what the test split makes of it and of popularity."""
        found = self._once(name, rate, seed, self.config.training.epochs, tested=True)
        self.console.print(
            f"{name} seed {seed} rate {rate:g}: {JUDGED} {found['test'][JUDGED]:.4f} in {found['seconds']:.0f} s",
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
            "tested": tested,
        }
        return self.kept.once(name, about, lambda: self._trained(config, with_graph, tested))

    def _trained(self, config: PipelineConfig, with_graph: bool, tested: bool) -> dict[str, Any]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            exported = trained(config, self.prepared, folder, with_graph)
            result: dict[str, Any] = {"validation": validation_of(folder)}
            if tested:
                found = evaluate_matcher(
                    config.for_evaluation(),
                    exported,
                    self.prepared.examples,
                    f"{folder}/evaluated",
                    PipelineOptions(BEAM_ARGUMENTS),
                )
                for name, evaluated in zip(("test", POPULARITY), found, strict=True):
                    result[name] = _figures(next(iter(evaluated.tasks.values())).overall)
        return result | {"seconds": time.monotonic() - began}


def _figures(metrics: TaskMetrics) -> dict[str, float]:
    values = {metric: metrics.value(metric) for metric in SHOWN}
    return {metric: value for metric, value in values.items() if value is not None}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--models", nargs="+", default=[*sorted(MATCHER_HYPERPARAMETERS), WITHOUT_GRAPH])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.003])
    parser.add_argument("--search-epochs", type=int, default=3)
    parser.add_argument("--data-folder")
    parser.add_argument("--runs-folder")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    console = Console(width=160)
    trials = Trials(load(arguments.config, arguments.data_folder), arguments.runs_folder, console)
    names = [name for name in arguments.models if trials.prepared.graph or name != WITHOUT_GRAPH]
    names = [BASELINE, *(name for name in names if name not in (BASELINE, POPULARITY))]
    figures: Figures = {}
    rates: dict[str, float] = {}
    for name in names:
        rates[name] = trials.best_rate(name, arguments.rates, arguments.seeds[0], arguments.search_epochs)
        found = [trials.tested(name, rates[name], seed) for seed in arguments.seeds]
        figures[name] = [each["test"] for each in found]
        figures[POPULARITY] = [found[0][POPULARITY]]
    console.print(_table(arguments.config.stem, figures, rates))
    return int(_is_short(figures, console))


def _table(title: str, figures: Figures, rates: dict[str, float]) -> Table:
    table = Table(title=f"{title}, test split, all items ranked: mean ± spread over seeds")
    for heading in ("model", "rate", *SHOWN):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, found in figures.items():
        cells = []
        for metric in SHOWN:
            values = [each[metric] for each in found]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.4f} ± {spread:.4f}")
        table.add_row(name, f"{rates[name]:g}" if name in rates else "", *cells)
    return table


def _is_short(figures: Figures, console: Console) -> bool:
    short = False
    judged = {name: [each[JUDGED] for each in found] for name, found in figures.items()}
    popular, plain = judged[POPULARITY][0], judged[BASELINE]
    for name, values in judged.items():
        if name in (POPULARITY, WITHOUT_GRAPH):
            continue
        noise = 2 * math.sqrt(_squared_error(values) + _squared_error(plain))
        below = statistics.mean(plain) - statistics.mean(values)
        is_short = statistics.mean(values) <= popular or below > noise
        short |= is_short
        console.print(
            f"{'SHORT' if is_short else 'ok':<6}{name}: {JUDGED} {statistics.mean(values):.4f}, should be above "
            f"popularity's {popular:.4f} and at least {statistics.mean(plain) - noise:.4f}, that of "
            f"{BASELINE} less the noise",
            highlight=False,
        )
    return short


def _squared_error(values: list[float]) -> float:
    return statistics.variance(values) / len(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
