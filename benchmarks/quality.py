"""Benchmark of rankers' quality on a log, over seeds, each tuned with the same small budget on validation data.

    python benchmarks/quality.py configs/movielens-100k.yaml --data-folder DATA
    python benchmarks/quality.py configs/generated-order.yaml --models pooled tin din --seeds 17 1 2

Ingestion and transform are the pipeline's own and run once. A search then trains each model with every setting of
`SEARCH`, on at most `--search-examples` of the training split, drawn at random, for at most `SEARCH_EPOCHS` epochs, and
keeps the setting with the highest AUC on the validation split. With it the model is trained on the whole training split
once for each seed, stopped by validation AUC, and only then evaluated on the test split. Everything else is as
configured; the hyper-parameters in the `model` section apply to all models that have them.

Prints mean and sample standard deviation of each metric of the first task, and against `--baseline` the difference in
AUC with its spread. The bar, without which the command exits non-zero: no model is below the baseline by more than
twice the spread of the difference. Every training's figures are kept under the runs folder, and a second or interrupted
call resumes from there as long as code and data are the same.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.kept_results import KeptResults
from benchmarks.support.over_seeds import mean_and_spread
from benchmarks.support.quality_data import RankerData, TestSplit
from interestflow.models import registry
from interestflow.models.model_config import ModelConfig
from interestflow.models.rankers.base import Ranker
from interestflow.models.registry import build_ranker
from interestflow.models.training_config import EarlyStoppingConfig, TrainingConfig
from interestflow.pipeline.config import load
from interestflow.pipeline.dag import fingerprints
from interestflow.pipeline.metrics.ranking import expected_calibration_error, grouped_auc, log_loss
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.loop import train
from interestflow.transforms.area_under_curve import area_under_curve
from interestflow.transforms.generator.best_possible import best_possible

MODELS = ("pooled", "din", "dien", "tin", "diffumin", "infnet")
SEARCH = [
    {"learning_rate": rate, "embedding_l2": l2, "dropout": dropout}
    for rate, (l2, dropout) in itertools.product((0.001, 0.003), ((0.0, 0.0), (0.003, 0.2)))
]
"""Settings tried for every model."""
SEARCH_EPOCHS, SEARCH_SEED, PATIENCE = 3, 5, 1
METRICS = ("auc", "gauc", "log_loss", "ece")
TEST_BATCH = 1024
Setting = dict[str, float]


def model_config(data: RankerData, name: str, setting: Setting) -> ModelConfig:
    """Return a model with the hyper-parameters of the configuration that it supports, and those of `setting`."""
    known = registry.spec(name).hyperparameters.model_fields
    configured = data.config.model.model_dump(exclude_unset=True) | setting
    return registry.parse_hyperparameters(name, {key: value for key, value in configured.items() if key in known})


def training_config(data: RankerData, setting: Setting, seed: int, epochs: int) -> TrainingConfig:
    """Return the configured training with another setting, seed and number of epochs, stopped by validation AUC."""
    config = data.config.training
    optimizer = config.optimizer.model_copy(update={"learning_rate": setting["learning_rate"]})
    stopping = EarlyStoppingConfig(metric="auc", patience=PATIENCE)
    return config.model_copy(
        update={"optimizer": optimizer, "seed": seed, "epochs": epochs, "early_stopping": stopping}
    )


def sample_examples(split: Split, examples: int) -> Split:
    """Return a split of at most `examples` examples, drawn at random."""
    if split.count <= examples:
        return split
    return split.take(np.sort(np.random.default_rng(SEARCH_SEED).permutation(split.count)[:examples]))


def evaluate_on(test: TestSplit, ranker: Ranker, task: str) -> dict[str, float]:
    """Return the metrics of `task` on the test split."""
    names = ranker.inputs_description.tensors()
    features = tf.data.Dataset.from_tensor_slices({name: test.features[name] for name in names}).batch(TEST_BATCH)
    score = tf.function(lambda batch: tf.sigmoid(ranker(batch, training=False)[task]))
    probabilities = np.concatenate([score(batch).numpy() for batch in features])
    labelled = test.weights[task] > 0.0
    labels, scores, users = test.labels[task][labelled], probabilities[labelled], test.users[labelled]
    return {
        "auc": area_under_curve(labels, scores),
        "gauc": grouped_auc(labels, scores, users).value,
        "log_loss": log_loss(labels, scores),
        "ece": expected_calibration_error(labels, scores),
    }


class RankerTrials:
    """Trainings of rankers on one log, each of which is run once and kept."""

    def __init__(self, data: RankerData, search_examples: int) -> None:
        """Open the folder of results."""
        self.data = data
        self.search_examples = search_examples
        code = fingerprints.code_digest("transforms", "models", "pipeline")
        self.results = KeptResults(Path(data.folders.root) / "quality", code, data.transformed)

    def search(self, name: str, setting: Setting) -> dict[str, Any]:
        """Return the validation metrics of one training of the search."""
        return self._once(name, setting, SEARCH_SEED, SEARCH_EPOCHS, self.search_examples, tested=False)

    def evaluate(self, name: str, setting: Setting, seed: int) -> dict[str, Any]:
        """Return the test metrics of a training on the whole training split."""
        return self._once(name, setting, seed, self.data.config.training.epochs, None, tested=True)

    def _once(
        self, name: str, setting: Setting, seed: int, epochs: int, examples: int | None, tested: bool
    ) -> dict[str, Any]:
        model = model_config(self.data, name, setting)
        config = training_config(self.data, setting, seed, epochs)
        parameters = {
            "model": model.model_dump(),
            "training": config.model_dump(),
            "examples": examples,
            "tested": tested,
        }
        return self.results.get_or_compute(name, parameters, lambda: self._train(model, config, examples, tested))

    def _train(self, model: ModelConfig, config: TrainingConfig, examples: int | None, tested: bool) -> dict[str, Any]:
        inputs = self.data.inputs(model)
        training, validation = self.data.split("train", inputs), self.data.split("validation", inputs)
        if examples is not None:
            training, validation = sample_examples(training, examples), sample_examples(validation, examples)
        began = time.monotonic()
        trained = train(
            config,
            lambda: build_ranker(model.name, inputs, model),
            training,
            validation,
            name=model.name,
        )
        result: dict[str, Any] = {
            "validation_auc": trained.summary["validation"]["auc"],
            "epochs": trained.summary["epochs"],
            "seconds": time.monotonic() - began,
            "examples_per_second": trained.summary["examples_per_second"],
        }
        if tested:
            result["test"] = evaluate_on(self.data.test(), trained.model, self.data.config.tasks[0].name)
        return result


def best_setting(trials: RankerTrials, name: str) -> Setting:
    """Return the setting of `SEARCH` with the highest AUC on validation data."""
    values = [trials.search(name, setting)["validation_auc"] for setting in SEARCH]
    best = SEARCH[int(np.argmax(values))]
    tried = ", ".join(f"{auc:.4f}" for auc in values)
    print(f"  {name}: validation AUC {tried}; chosen {best}", flush=True)
    return best


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path, help="Configuration of the log.")
    parser.add_argument("--models", nargs="+", default=MODELS, help="Models to train.")
    parser.add_argument("--baseline", default="pooled", help="Model that the others should not be below.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 1, 2], help="Seeds of the last trainings.")
    parser.add_argument("--search-examples", type=int, default=50_000, help="Examples of a training of the search.")
    parser.add_argument("--data-folder", help="Folder of the data, instead of `data.folder`.")
    parser.add_argument("--runs-folder", default="runs", help="Folder of the pipeline's runs.")
    arguments = parser.parse_args()
    trials = RankerTrials(
        RankerData(load(arguments.config, arguments.data_folder), arguments.runs_folder), arguments.search_examples
    )
    names = [arguments.baseline, *(name for name in arguments.models if name != arguments.baseline)]
    results = {}
    for name in names:
        setting = best_setting(trials, name)
        results[name] = [trials.evaluate(name, setting, seed) for seed in arguments.seeds]
    test = trials.data.test()
    count = len(arguments.seeds)
    table = Table(title=f"{arguments.config.stem}: {len(test.users):,} test examples, {count} seeds, mean ± spread")
    for column in ("model", *METRICS, "AUC beside baseline", "examples/s", ""):
        table.add_column(column, justify="left" if column == "model" else "right")
    is_short = False
    for name in names:
        figures = {metric: [result["test"][metric] for result in results[name]] for metric in METRICS}
        speed = f"{statistics.median(result['examples_per_second'] for result in results[name]):,.0f}"
        difference, verdict = "", ""
        if name != arguments.baseline:
            base = [result["test"]["auc"] for result in results[arguments.baseline]]
            differences = [value - other for value, other in zip(figures["auc"], base, strict=True)]
            margin = 2.0 * statistics.stdev(differences) if count > 1 else 0.0
            difference = mean_and_spread(differences)
            verdict = "level or better" if statistics.mean(differences) >= -margin else "BELOW"
            is_short |= verdict == "BELOW"
        table.add_row(name, *(mean_and_spread(values) for values in figures.values()), difference, speed, verdict)
    if test.true_probability is not None:
        best = best_possible(test.true_probability)
        table.add_row("best possible", f"{best.auc:.4f}", "", f"{best.log_loss:.4f}", "", "", "", "")
    Console(width=140).print(table)
    print("bar: no model below the baseline by more than twice the spread of the difference over seeds")
    return int(is_short)


if __name__ == "__main__":
    sys.exit(main())
