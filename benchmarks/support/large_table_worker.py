"""The life of one large embedding table, from its first value to an answer of the exported model, in this process.

Started by `benchmarks/large_tables.py` for each number of items. Prints one line of JSON for each stage: `stage`,
`seconds`, those of the processor as `processor`, `megabytes` resident before it, and `peak_megabytes` while it lasts.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from benchmarks.support.resident_memory import peak_megabytes, resident_megabytes
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.declared_tables import empty_tables
from interestflow.models.optimizers import build_optimizer
from interestflow.models.registry import build_ranker
from interestflow.models.training_config import OptimizerConfig
from interestflow.pipeline.training.backup import Backup, TrainingState
from interestflow.pipeline.training.ranker import RankerTraining
from interestflow.serving.client.rows import pack_predict
from interestflow.serving.description import Description
from interestflow.serving.export.compact_tables import compact_tables
from interestflow.serving.export.ranker import export_ranker
from interestflow.serving.scorer import Scorer

HISTORY, BATCH, AGES = 20, 1024, 8
RAW_SPEC: dict[str, Any] = {
    "item": tf.io.FixedLenFeature([], tf.string),
    "history_item": tf.io.VarLenFeature(tf.string),
    "history_age": tf.io.VarLenFeature(tf.int64),
}


@contextmanager
def measure(stage: str) -> Iterator[None]:
    """Print how long the context lasts, and the peak of this process's memory meanwhile."""
    gc.collect()
    before = resident_megabytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    began, processor = time.perf_counter(), time.process_time()
    yield
    figures = {
        "stage": stage, "seconds": time.perf_counter() - began, "processor": time.process_time() - processor,
        "megabytes": before, "peak_megabytes": peak_megabytes(),
    }  # fmt: skip
    print(json.dumps(figures), flush=True)


def write_transform(items: int, folder: str) -> None:
    """Write a transform graph that hashes ids into `items` buckets, so that no vocabulary is measured."""

    def preprocess(raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        history = tf.RaggedTensor.from_sparse(raw["history_item"])[:, -HISTORY:].to_tensor(shape=[None, HISTORY])
        ids = tft.hash_strings(tf.concat([raw["item"][:, tf.newaxis], history], axis=1), items) + 1
        ages = tf.RaggedTensor.from_sparse(raw["history_age"])[:, -HISTORY:].to_tensor(shape=[None, HISTORY])
        mask = history != ""
        ages = tf.where(mask, tf.clip_by_value(ages, 1, AGES - 1), 0)
        return {"item": ids[:, 0], "history_item": tf.where(mask, ids[:, 1:], 0), "history_age": ages}

    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(RAW_SPEC))
    rows = [{"item": "a", "history_item": ["b"], "history_age": [1]}]
    with beam.Pipeline("FnApiRunner") as pipeline, tft_beam.Context(temp_dir=f"{folder}.temporary"):
        data = pipeline | beam.Create(rows)
        function = (data, metadata) | tft_beam.AnalyzeDataset(preprocess)
        function | tft_beam.WriteTransformFn(folder)


def build_training(inputs: ModelInputs, optimizer: str) -> RankerTraining:
    """Build the model with all its slots, as a training begins."""
    training = RankerTraining(build_ranker("pooled", inputs, {}))
    training.model.build()
    training.compile(optimizer=build_optimizer(OptimizerConfig(name=optimizer)))
    training.optimizer.build(training.trainable_variables)
    return training


def make_batch(inputs: ModelInputs) -> tuple[Any, Any, Any]:
    """Return features, labels and weights of one batch with ids of the whole table."""
    random = np.random.default_rng(5)
    features = {
        name: random.integers(1, inputs.rows().get(name, AGES), (BATCH, *shape)).astype(np.int64)
        for name, (shape, _) in inputs.tensors().items()
    }
    labels = {"click": random.integers(0, 2, BATCH).astype(np.float32)}
    return features, labels, {"click": np.ones(BATCH, np.float32)}


def train_and_export(inputs: ModelInputs, folder: str, optimizer: str, table_type: str) -> None:
    """Go through all stages up to the exported model."""
    transform = f"{folder}/transform"
    write_transform(inputs.item_rows - 1, transform)
    batch = make_batch(inputs)
    with measure("build"):
        training = build_training(inputs, optimizer)
    with measure("first step"):
        training.train_on_batch(*batch)
    backup = Backup(f"{folder}/backup", "key", training)
    with measure("checkpoint"):
        backup.save(TrainingState(epoch=1))
    with measure("resume"):
        assert backup.restore() == TrainingState(epoch=1)
    with measure("best weights"):
        backup.save_best(0)
    backup.release()
    del training
    with measure("hand over"):
        gc.collect()
        with empty_tables():
            model = build_ranker("pooled", inputs, {})
            model.build()
        backup.restore_best(0, model)
    with measure("export"), compact_tables(model, table_type, free=True):
        export_ranker(
            model, tft.TFTransformOutput(transform), RAW_SPEC, inputs, f"{folder}/model", {},
            Description(candidate_sizes=(100,)), consume=True,
        )  # fmt: skip


def load(folder: str) -> None:
    """Load the exported model and score the first rows."""
    with measure("load"):
        scorer = Scorer(f"{folder}/model")
    rows = [{"item": str(item), "history_item": ["1", "2"], "history_age": [5, 3]} for item in range(100)]
    arrays = pack_predict(scorer.metadata, rows)
    with measure("first answer"):
        scorer.model.run("predict", arrays)
    with measure("200 answers"):
        for _ in range(200):
            scorer.model.run("predict", arrays)


def main() -> int:
    """Run the stages up to the exported model, or those after it, which are another process's."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="Empty folder to write to; with --load that of the process before.")
    parser.add_argument("--items", type=int, default=100_000, help="Rows of the item table.")
    parser.add_argument("--optimizer", default="sparse_adagrad", help="Optimizer of the tables.")
    parser.add_argument("--table-dtype", default="float32", help="Type of the exported tables.")
    parser.add_argument("--load", action="store_true", help="Load the exported model instead of making it.")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(3)
    if arguments.load:
        load(arguments.folder)
    else:
        inputs = ModelInputs(("click",), arguments.items + 1, HISTORY, AGES)
        train_and_export(inputs, arguments.folder, arguments.optimizer, arguments.table_dtype)
    return 0


if __name__ == "__main__":
    sys.exit(main())
