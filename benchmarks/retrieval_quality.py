"""Matchers beside one another on a run's examples: each tuned on validation alone, then trained with several seeds.

    interestflow run configs/movielens-100k-matcher.yaml --data-folder DATA
    python benchmarks/retrieval_quality.py configs/movielens-100k-matcher.yaml --data-folder DATA

The run before makes the examples and transforms them, once for all. Each matcher then gets the same budget: one
training with the first seed for each of `--rates`, of which the best by NDCG@50 on validation is kept. What is printed
is the mean over seeds on the test split, all items ranked, and the spread (the standard deviation). `kgat without
graph` is KGAT that knows what users took alone. Exits with 1 where a matcher is below popularity, or below two_tower by
more than the noise: twice the standard error of the difference of both means.
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
from rich.console import Console
from rich.table import Table

from models.config import ModelConfig
from models.matcher_config import MATCHER_HYPERPARAMETERS
from pipeline.beam_arguments import BEAM_ARGUMENTS
from pipeline.config import PipelineConfig, load
from pipeline.evaluation_result import TaskMetrics
from pipeline.folders import Folders
from pipeline.retrieval_evaluation import evaluate_matcher
from pipeline.trainer import run_fn

SHOWN = ("recall_10", "recall_20", "recall_50", "ndcg_10", "ndcg_20", "ndcg_50")
JUDGED = "ndcg_50"
BASELINE, POPULARITY, WITHOUT_GRAPH = "two_tower", "popularity", "kgat without graph"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What a run has left: folders of raw and transformed examples, of the transform, and of the graph, or None."""

    examples: str
    transformed: str
    transform: str
    graph: str | None

    @classmethod
    def of(cls, config: PipelineConfig, runs_folder: str | None) -> Prepared:
        artifacts = Path(Folders.local(config, runs_folder).artifacts)

        def newest(step: str, output: str) -> str | None:
            found = [folder for folder in (artifacts / step / output).glob("*") if folder.name.isdecimal()]
            return str(max(found, key=lambda folder: int(folder.name))) if found else None

        examples = newest("LogExampleGen", "examples")
        transformed, transform = newest("Transform", "transformed_examples"), newest("Transform", "transform_graph")
        if examples is None or transformed is None or transform is None:
            raise SystemExit(f"no run of {config.name} is under {artifacts.parent}: `interestflow run` makes one")
        return cls(examples, transformed, transform, newest("KnowledgeGraphGen", "graph"))


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


def with_model(config: PipelineConfig, name: str, rate: float, seed: int) -> PipelineConfig:
    """`config` with another model; its own model keeps the hyper-parameters that it has."""
    model = config.model if name == config.model.name else ModelConfig(name=name)
    optimizer = config.training.optimizer.model_copy(update={"learning_rate": rate})
    training = config.training.model_copy(update={"optimizer": optimizer, "seed": seed})
    return config.model_copy(update={"model": model, "training": training})


def measured(
    config: PipelineConfig, prepared: Prepared, name: str, rates: list[float], seeds: list[int], console: Console
) -> tuple[float, list[TaskMetrics], TaskMetrics]:
    """The best rate, the figures of each seed, and those of popularity."""
    model, with_graph = ("kgat", False) if name == WITHOUT_GRAPH else (name, True)
    validation: dict[float, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, rate in enumerate(rates):
            if len(rates) == 1 or model == POPULARITY:
                validation[rate] = 0.0
                break
            trained(with_model(config, model, rate, seeds[0]), prepared, f"{folder}/rate{number}", with_graph)
            validation[rate] = validation_of(f"{folder}/rate{number}")
        best = max(validation, key=lambda rate: validation[rate])
        found = []
        popular: Any = None
        for seed in seeds[:1] if model == POPULARITY else seeds:
            began = time.perf_counter()
            exported = trained(with_model(config, model, best, seed), prepared, f"{folder}/seed{seed}", with_graph)
            evaluated, popularity = evaluate_matcher(
                config.for_evaluation(),
                exported,
                prepared.examples,
                f"{folder}/out{seed}",
                PipelineOptions(BEAM_ARGUMENTS),
            )
            found.append(next(iter(evaluated.tasks.values())).overall)
            popular = next(iter(popularity.tasks.values())).overall
            console.print(
                f"{name} seed {seed} rate {best:g}: {JUDGED} {found[-1].value(JUDGED):.4f} "
                f"in {time.perf_counter() - began:.0f} s", highlight=False
            )  # fmt: skip
    return best, found, popular


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--models", nargs="+", default=[*sorted(MATCHER_HYPERPARAMETERS), WITHOUT_GRAPH])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.0003, 0.001, 0.003])
    parser.add_argument("--data-folder")
    parser.add_argument("--runs-folder")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    config = load(arguments.config, arguments.data_folder)
    prepared, console = Prepared.of(config, arguments.runs_folder), Console(width=140)
    names = [name for name in arguments.models if prepared.graph or name != WITHOUT_GRAPH]
    names = [BASELINE, *(name for name in names if name not in (BASELINE, POPULARITY))]
    figures: dict[str, list[TaskMetrics]] = {}
    rates: dict[str, float] = {}
    for name in names:
        rates[name], figures[name], popular = measured(
            config, prepared, name, arguments.rates, arguments.seeds, console
        )
        figures[POPULARITY] = [popular]
    console.print(_table(arguments.config.stem, figures, rates))
    return int(_is_short(figures, console))


def _values(found: list[TaskMetrics], metric: str) -> list[float]:
    return [value for value in (each.value(metric) for each in found) if value is not None]


def _table(title: str, figures: dict[str, list[TaskMetrics]], rates: dict[str, float]) -> Table:
    table = Table(title=f"{title}, test split, all items ranked: mean ± spread over seeds")
    for heading in ("model", "rate", *SHOWN):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, found in figures.items():
        cells = []
        for metric in SHOWN:
            values = _values(found, metric)
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.4f} ± {spread:.4f}")
        table.add_row(name, f"{rates[name]:g}" if name in rates else "", *cells)
    return table


def _is_short(figures: dict[str, list[TaskMetrics]], console: Console) -> bool:
    short = False
    popular = _values(figures[POPULARITY], JUDGED)[0]
    plain = _values(figures[BASELINE], JUDGED)
    for name, found in figures.items():
        if name in (POPULARITY, WITHOUT_GRAPH):
            continue
        values = _values(found, JUDGED)
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
