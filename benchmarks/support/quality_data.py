"""Examples of a configuration as models read them, from the pipeline's own steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from benchmarks.support.prepared_steps import run_steps_until
from interestflow.models.inputs import ModelInputs
from interestflow.models.model_config import ModelConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.model_inputs import describe_inputs
from interestflow.transforms import feature_names
from interestflow.transforms.feature_spec import label_features, raw_feature_spec

TRANSFORM_BATCH = 4096


@dataclass(frozen=True)
class TestSplit:
    """Test examples in the order of the files, each array `[N, ...]`.

    Attributes:
        features: Features by name.
        labels: Labels by task.
        weights: Weights by task, 0 where the task has no label.
        users: Integer id of each user.
        true_probability: True probabilities, where the log has them.
    """

    features: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    users: np.ndarray
    true_probability: np.ndarray | None


class RankerData:
    """Ingested and transformed examples of a configuration, with a negative for each behaviour, which DIEN needs."""

    def __init__(self, config: PipelineConfig, runs_folder: str) -> None:
        """Run ingestion and transform, unless they are cached."""
        sequence = config.sequence.model_copy(update={"history_negatives": True})
        self.config = config.model_copy(update={"sequence": sequence, "name": f"{config.name}-quality"})
        self.folders = Folders.local(self.config, runs_folder)
        results = run_steps_until("Transform", self.config, runs_folder)
        self.raw = results["LogExampleGen"].outputs["examples"]
        self.transformed = results["Transform"].outputs["transformed_examples"]
        self.transform_output = tft.TFTransformOutput(results["Transform"].outputs["transform_graph"])
        self.split = cache(self._split)
        self.test = cache(self._test)

    def inputs(self, model: ModelConfig) -> ModelInputs:
        """Return the inputs of a model."""
        return describe_inputs(self.config.model_copy(update={"model": model}), self.transform_output)

    def _split(self, name: str, inputs: ModelInputs) -> Split:
        return Split.read([f"{self.transformed}/Split-{name}/*"], inputs, cache_limit_mb=8192)

    def _test(self) -> TestSplit:
        """Return the test split, transformed by the graph as in a served model."""
        spec = raw_feature_spec(self.config.ingestion(), with_labels=True)
        inputs = raw_feature_spec(self.config.ingestion(), with_labels=False).keys()
        other_names = [feature_names.USER, feature_names.TRUE_PROBABILITY, *label_features(self.config.ingestion())]
        layer = self.transform_output.transform_features_layer()
        files = sorted(tf.io.gfile.glob(f"{self.raw}/Split-test/*"))
        chunks: list[dict[str, np.ndarray]] = []
        for batch in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(TRANSFORM_BATCH):
            raw = tf.io.parse_example(batch, spec)
            features = layer({name: raw[name] for name in inputs})
            transformed = {name: tensor.numpy() for name, tensor in features.items()}
            untransformed = {f"raw {name}": raw[name].numpy() for name in other_names if name in raw}
            chunks.append(transformed | untransformed)
        columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        tasks = self.config.tasks
        labels = {task.name: columns[f"raw {feature_names.label(task.name)}"] for task in tasks}
        masks = {task.name: columns.get(f"raw {feature_names.mask(task.name)}") for task in tasks}
        return TestSplit(
            features={name: values for name, values in columns.items() if not name.startswith("raw ")},
            labels=labels,
            weights={name: np.ones_like(labels[name]) if mask is None else mask for name, mask in masks.items()},
            users=np.unique(columns[f"raw {feature_names.USER}"], return_inverse=True)[1],
            true_probability=columns.get(f"raw {feature_names.TRUE_PROBABILITY}"),
        )
