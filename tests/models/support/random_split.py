"""Random examples as a split, read from files of columns as a training reads them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.data import Split
from interestflow.transforms import feature_names
from tests.models.support.random_features import make_features, make_labels
from tests.pipeline.support import training_examples


def make_split(inputs: ModelInputs, count: int, seed: int = 1) -> Split:
    """Return `count` random examples in memory; their files are removed again."""
    labels, masks = make_labels(inputs, count, seed + 1)
    rows = dict(make_features(inputs, count, seed))
    rows |= {feature_names.label(task): values for task, values in labels.items()}
    rows |= {feature_names.mask(task): values for task, values in masks.items() if task in inputs.masked_tasks}
    with tempfile.TemporaryDirectory() as folder:
        arrays = {name: np.asarray(values) for name, values in rows.items()}
        return Split.read([training_examples.write(arrays, Path(folder), files=1)], inputs, cache_limit_mb=64)
