"""Exported models and test examples for the tests of the serving gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.catalogue import Catalogue
from interestflow.models.registry import build_matcher
from interestflow.pipeline.gates.serving import ServingVerdict, validate_serving
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.export.matcher import IndexedItems, export_matcher
from interestflow.serving.export.ranker import export_ranker
from tests.serving import every_input, transformed


class Exported(NamedTuple):
    """Folder of an exported model, and files of test examples."""

    folder: Path
    test_files: list[str]


def verdict(exported: Exported, output: Path, **config: Any) -> ServingVerdict:
    """Return the gate's verdict on an exported model, with few examples and requests."""
    small = {"examples": 40, "requests": 5, "candidates": 7}
    return validate_serving(ServingGateConfig(**small | config), str(exported.folder), exported.test_files, str(output))


def write_test_examples(folder: Path) -> list[str]:
    """Write test examples and return their files."""
    file = folder / "data.gz"
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for example in transformed.serialized(transformed.rows() * 4):
            writer.write(example)
    return [str(file)]


def export_every_input(output: TFTransformOutput, folder: Path) -> Path:
    """Export a ranker that reads every kind of input."""
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(1)
    export_ranker(
        every_input.EveryInput(inputs), output, transformed.RAW_SPEC, inputs, str(folder), {"fingerprint": "abc"}
    )
    return folder


def export_nearest_items(output: TFTransformOutput, folder: Path) -> Path:
    """Export a matcher that retrieves the nearest of five items."""
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    tensors = {"item": np.arange(inputs.item_rows)}
    for name in sorted(inputs.candidate_tensors - {"item"}):
        shape, dtype = inputs.tensors()[name]
        tensors[name] = np.zeros((inputs.item_rows, *shape), dtype)
    matcher = build_matcher("two_tower", inputs, {}, Catalogue(tensors, np.ones(inputs.item_rows, np.float32)))
    for weight in matcher.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    ids = np.array([b"i0", b"i1", b"i2", b"i5", b"other"], object)
    items = IndexedItems.encode(matcher, ids, {name: values[1:6] for name, values in tensors.items()})
    export_matcher(matcher, output, transformed.RAW_SPEC, inputs, items, str(folder), {"fingerprint": "abc"})
    return folder
