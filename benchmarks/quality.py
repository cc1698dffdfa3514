"""Quality of rankers on a log, each tuned by the same small budget on validation data, over seeds.

    python benchmarks/quality.py configs/movielens-100k.yaml --data-folder DATA
    python benchmarks/quality.py configs/generated-order.yaml --models pooled tin din --seeds 17 1 2

Ingestion and transform are the pipeline's own and made once. A search then trains each model with every setting of
`SEARCH`, on at most `--search-examples` of the training split, drawn by chance, for at most `SEARCH_EPOCHS` epochs,
and keeps the one whose AUC on the validation split is highest. With it the model is trained on the whole training split
once a seed, stopped by validation AUC, and only then asked about the test split. Everything else is as the
configuration says; the hyper-parameters in its `model` section are given to all models that have them.

Prints mean and sample standard deviation of each metric of the first task, and against `--baseline` the difference in
AUC with its spread. The bar, by which the command exits non-zero: no model is below the baseline by more than twice the
spread of the difference. Every training's figures are kept under the runs folder, and a second call, or one that was
stopped, goes on from there as long as code and data are the same.
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
from kept_results import KeptResults
from over_seeds import mean_and_spread
from quality_data import Prepared, TestSplit
from rich.console import Console
from rich.table import Table

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
"""Settings tried for every model alike."""
SEARCH_EPOCHS, SEARCH_SEED, PATIENCE = 3, 5, 1
METRICS = ("auc", "gauc", "log_loss", "ece")
TEST_BATCH = 1024
Setting = dict[str, float]


def model_config(prepared: Prepared, name: str, setting: Setting) -> ModelConfig:
    """The model with the configuration's own hyper-parameters, where it has them, and those of `setting`."""
    known = registry.spec(name).hyperparameters.model_fields
    configured = prepared.config.model.model_dump(exclude_unset=True) | setting
    return registry.parse_hyperparameters(name, {key: value for key, value in configured.items() if key in known})


def training_config(prepared: Prepared, setting: Setting, seed: int, epochs: int) -> TrainingConfig:
    config = prepared.config.training
    optimizer = config.optimizer.model_copy(update={"learning_rate": setting["learning_rate"]})
    stopping = EarlyStoppingConfig(metric="auc", patience=PATIENCE)
    return config.model_copy(
        update={"optimizer": optimizer, "seed": seed, "epochs": epochs, "early_stopping": stopping}
    )


def part_of(split: Split, examples: int) -> Split:
    """At most so many examples, drawn by chance."""
    assert split.tensors is not None
    if split.count <= examples:
        return split
    rows = np.sort(np.random.default_rng(SEARCH_SEED).permutation(split.count)[:examples])
    tensors = {name: tf.gather(tensor, rows) for name, tensor in split.tensors.items()}
    return Split(split.files, split.inputs, examples, tensors)


def figures_on(test: TestSplit, ranker: Ranker, task: str) -> dict[str, float]:
    """The metrics of `task` on the test split."""
    names = ranker.inputs_description.tensors()
    features = tf.data.Dataset.from_tensor_slices({name: test.features[name] for name in names}).batch(TEST_BATCH)
    score = tf.function(lambda batch: tf.sigmoid(ranker(batch, training=False)[task]))
    found = np.concatenate([score(batch).numpy() for batch in features])
    labelled = test.weights[task] > 0.0
    labels, scores, users = test.labels[task][labelled], found[labelled], test.users[labelled]
    return {
        "auc": area_under_curve(labels, scores),
        "gauc": grouped_auc(labels, scores, users).value,
        "log_loss": log_loss(labels, scores),
        "ece": expected_calibration_error(labels, scores),
    }


class Trials:
    """Trainings of one log."""

    def __init__(self, prepared: Prepared, search_examples: int) -> None:
        self.prepared = prepared
        self.search_examples = search_examples
        code = fingerprints.code_digest("transforms", "models", "pipeline")
        self.kept = KeptResults(Path(prepared.folders.root) / "quality", code, prepared.transformed)

    def searched(self, name: str, setting: Setting) -> dict[str, Any]:
        """One training of the search, judged on the validation split."""
        return self._once(name, setting, SEARCH_SEED, SEARCH_EPOCHS, self.search_examples, tested=False)

    def final(self, name: str, setting: Setting, seed: int) -> dict[str, Any]:
        """A training on everything, and what it makes of the test split."""
        return self._once(name, setting, seed, self.prepared.config.training.epochs, None, tested=True)

    def _once(
        self, name: str, setting: Setting, seed: int, epochs: int, examples: int | None, tested: bool
    ) -> dict[str, Any]:
        model = model_config(self.prepared, name, setting)
        config = training_config(self.prepared, setting, seed, epochs)
        about = {"model": model.model_dump(), "training": config.model_dump(), "examples": examples, "tested": tested}
        return self.kept.once(name, about, lambda: self._trained(model, config, examples, tested))

    def _trained(
        self, model: ModelConfig, config: TrainingConfig, examples: int | None, tested: bool
    ) -> dict[str, Any]:
        inputs = self.prepared.inputs(model)
        training, validation = self.prepared.split("train", inputs), self.prepared.split("validation", inputs)
        if examples is not None:
            training, validation = part_of(training, examples), part_of(validation, examples)
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
            result["test"] = figures_on(self.prepared.test(), trained.model, self.prepared.config.tasks[0].name)
        return result


def chosen(trials: Trials, name: str) -> Setting:
    """The setting of `SEARCH` with the highest AUC on validation data."""
    found = [trials.searched(name, setting)["validation_auc"] for setting in SEARCH]
    best = SEARCH[int(np.argmax(found))]
    tried = ", ".join(f"{auc:.4f}" for auc in found)
    print(f"  {name}: validation AUC {tried}; chosen {best}", flush=True)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--baseline", default="pooled", help="one of the models, which the others should not be below")
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 1, 2])
    parser.add_argument("--search-examples", type=int, default=50_000)
    parser.add_argument("--data-folder")
    parser.add_argument("--runs-folder", default="runs")
    arguments = parser.parse_args()
    trials = Trials(
        Prepared(load(arguments.config, arguments.data_folder), arguments.runs_folder), arguments.search_examples
    )
    names = [arguments.baseline, *(name for name in arguments.models if name != arguments.baseline)]
    results = {}
    for name in names:
        setting = chosen(trials, name)
        results[name] = [trials.final(name, setting, seed) for seed in arguments.seeds]
    test = trials.prepared.test()
    count = len(arguments.seeds)
    table = Table(title=f"{arguments.config.stem}: {len(test.users):,} test examples, {count} seeds, mean ± spread")
    for column in ("model", *METRICS, "AUC beside baseline", "examples/s", ""):
        table.add_column(column, justify="left" if column == "model" else "right")
    short = False
    for name in names:
        figures = {metric: [result["test"][metric] for result in results[name]] for metric in METRICS}
        speed = f"{statistics.median(result['examples_per_second'] for result in results[name]):,.0f}"
        beside, verdict = "", ""
        if name != arguments.baseline:
            base = [result["test"]["auc"] for result in results[arguments.baseline]]
            differences = [own - other for own, other in zip(figures["auc"], base, strict=True)]
            margin = 2.0 * statistics.stdev(differences) if count > 1 else 0.0
            beside = mean_and_spread(differences)
            verdict = "level or better" if statistics.mean(differences) >= -margin else "BELOW"
            short |= verdict == "BELOW"
        table.add_row(name, *(mean_and_spread(values) for values in figures.values()), beside, speed, verdict)
    if test.true_probability is not None:
        best = best_possible(test.true_probability)
        table.add_row("best possible", f"{best.auc:.4f}", "", f"{best.log_loss:.4f}", "", "", "", "")
    Console(width=140).print(table)
    print("bar: no model below the baseline by more than twice the spread of the difference over seeds")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
