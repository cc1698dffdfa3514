"""Benchmark of matchers on a run's examples: each is tuned on validation data only, then trained with several seeds.

    python benchmarks/retrieval_quality.py configs/movielens-100k-matcher.yaml --data-folder DATA

The pipeline's own steps make the examples and transform them, once for all. Each matcher then gets the same budget: one
training of `--search-epochs` with the first seed for each of `--rates`, of which the best by NDCG@50 on validation is
kept. With it the model is trained once a seed, for `--epochs` at most (by default those of the configuration), stopped
by the same metric. What is printed is the mean over seeds on the test split, all items ranked, and the spread (the
standard deviation). `kgat without graph` is KGAT trained only on users' interactions. Exits with 1 where a matcher is
below popularity, or below two_tower by more than the noise: twice the standard error of the difference of both means.
Every training's figures are kept under the runs folder, and a second call, or one that was stopped, goes on from there
as long as code and data are the same.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.matcher_trials import JUDGED, WITHOUT_GRAPH, MatcherTrials
from benchmarks.support.over_seeds import mean_and_spread
from interestflow.models import registry
from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS
from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.evaluation.matchers import evaluate_matcher
from interestflow.pipeline.evaluation.result import TaskMetrics

SHOWN = ("recall_10", "recall_20", "recall_50", "ndcg_10", "ndcg_20", "ndcg_50", "coverage_50")
BASELINE, POPULARITY = "two_tower", "popularity"
Figures = dict[str, list[dict[str, float]]]
"""Metrics of each seed, by model."""


def on_test_window(config: PipelineConfig, model: str, examples: str) -> dict[str, Any]:
    """Return the metrics of the model in a folder and of popularity, from the pipeline's own evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        result = evaluate_matcher(
            config.for_evaluation(), model, examples, folder, PipelineOptions(IN_MEMORY_ARGUMENTS)
        )
    assert result.popularity is not None
    evaluations = {"test": result.model, POPULARITY: result.popularity}
    return {name: _figures(next(iter(evaluation.tasks.values())).overall) for name, evaluation in evaluations.items()}


def _figures(metrics: TaskMetrics) -> dict[str, float]:
    values = {metric: metrics.value(metric) for metric in SHOWN}
    return {metric: value for metric, value in values.items() if value is not None}


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="Configuration of the matcher.")
    parser.add_argument(
        "--models", nargs="+", default=[*registry.names("matcher"), WITHOUT_GRAPH], help="Models to train."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Seeds of the last trainings.")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.003], help="Learning rates to search.")
    parser.add_argument("--search-epochs", type=int, default=3, help="Epochs of a training of the search.")
    parser.add_argument("--epochs", type=int, help="Largest number of epochs of the last trainings.")
    parser.add_argument("--data-folder", help="Folder of the data, instead of `data.folder`.")
    parser.add_argument("--runs-folder", help="Folder of the pipeline's runs.")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    console = Console(width=160)
    config = load(arguments.config, arguments.data_folder)
    if arguments.epochs is not None:
        training = config.training.model_copy(update={"epochs": arguments.epochs})
        config = config.model_copy(update={"training": training})
    trials = MatcherTrials(config, arguments.runs_folder, on_test_window, console)
    names = [name for name in arguments.models if trials.data.graph or name != WITHOUT_GRAPH]
    names = [BASELINE, *(name for name in names if name not in (BASELINE, POPULARITY))]
    figures: Figures = {}
    rates: dict[str, float] = {}
    for name in names:
        rates[name] = trials.best_rate(name, arguments.rates, arguments.seeds[0], arguments.search_epochs)
        results = [trials.tested(name, rates[name], seed) for seed in arguments.seeds]
        figures[name] = [result["test"] for result in results]
        figures[POPULARITY] = [results[0][POPULARITY]]
    console.print(_table(arguments.config.stem, figures, rates))
    return int(_is_short(figures, console))


def _table(title: str, figures: Figures, rates: dict[str, float]) -> Table:
    table = Table(title=f"{title}, test split, all items ranked: mean ± spread over seeds")
    for heading in ("model", "rate", *SHOWN):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, seeds in figures.items():
        cells = [mean_and_spread([seed[metric] for seed in seeds]) for metric in SHOWN]
        table.add_row(name, f"{rates[name]:g}" if name in rates else "", *cells)
    return table


def _is_short(figures: Figures, console: Console) -> bool:
    """Print whether each model reaches its bar, and return whether any falls short."""
    any_short = False
    judged = {name: [seed[JUDGED] for seed in seeds] for name, seeds in figures.items()}
    popular, plain = judged[POPULARITY][0], judged[BASELINE]
    for name, values in judged.items():
        if name in (POPULARITY, WITHOUT_GRAPH):
            continue
        noise = 2 * math.sqrt(_squared_error(values) + _squared_error(plain))
        below = statistics.mean(plain) - statistics.mean(values)
        is_short = statistics.mean(values) <= popular or below > noise
        any_short |= is_short
        console.print(
            f"{'SHORT' if is_short else 'ok':<6}{name}: {JUDGED} {statistics.mean(values):.4f}, should be above "
            f"popularity's {popular:.4f} and at least {statistics.mean(plain) - noise:.4f}, that of "
            f"{BASELINE} less the noise",
            highlight=False,
        )
    return any_short


def _squared_error(values: list[float]) -> float:
    return statistics.variance(values) / len(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
