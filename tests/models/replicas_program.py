"""Trains a ranker on one replica and on two, logical devices of one CPU; writes the weights that each ends with.

Logical devices are fixed when TensorFlow starts, hence a process of its own.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf
from random_features import RICH, make_features, make_labels

from models.config import OptimizerConfig, TrainingConfig
from models.registry import build_ranker
from pipeline.training import Trained, train
from pipeline.training_data import Split
from transforms import feature_names

ROWS, BATCH = 288, 48
HYPERPARAMETERS = {
    "din": {
        "embedding_dimension": 4,
        "attention_units": (8,),
        "attention_activation": "dice",
        "tower_units": (8,),
        "history_age": True,
        "embedding_l2": 0.01,
        "mini_batch_aware_l2": 0.5,
    },
    "pooled": {"embedding_dimension": 4, "tower_units": (8,), "embedding_l2": 0.01},
}


def split(count: int, seed: int) -> Split:
    labels, masks = make_labels(RICH, count, seed)
    tensors = make_features(RICH, count, seed)
    tensors |= {feature_names.label(task): values for task, values in labels.items()}
    tensors |= {feature_names.mask(task): values for task, values in masks.items()}
    return Split((), RICH, count, {name: tf.constant(values) for name, values in tensors.items()})


def run(model: str, optimizer: str, strategy: tf.distribute.Strategy) -> Trained:
    counts = np.arange(RICH.item_rows) % 5
    config = TrainingConfig(
        batch_size=BATCH,
        epochs=1,
        optimizer=OptimizerConfig(name=optimizer, learning_rate=0.05, clip_norm=0.5),
        early_stopping=None,
    )
    build = lambda: build_ranker(model, RICH, HYPERPARAMETERS[model], counts)  # noqa: E731
    return train(config, build, split(ROWS, 1), split(BATCH, 2), strategy=strategy)


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    output, model, optimizer = sys.argv[1:]
    arrays = {}
    for replicas, strategy in ((1, tf.distribute.get_strategy()), (2, mirrored)):
        trained = run(model, optimizer, strategy)
        assert trained.summary["replicas"] == replicas
        arrays |= {f"{replicas} {number}": weight for number, weight in enumerate(trained.ranker.get_weights())}
        arrays[f"{replicas} loss"] = [entry["training_loss"] for entry in trained.summary["history"]]
    np.savez(output, **arrays)


if __name__ == "__main__":
    main()
