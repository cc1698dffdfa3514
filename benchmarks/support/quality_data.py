"""The examples of a configuration as models are given them, made by the pipeline's own steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from prepared_steps import steps_until

from interestflow.models.inputs import ModelInputs
from interestflow.models.model_config import ModelConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.model_inputs import describe_inputs
from interestflow.transforms import feature_names
from interestflow.transforms.feature_spec import raw_feature_spec

TRANSFORM_BATCH = 4096


@dataclass(frozen=True)
class TestSplit:
    """Test examples in the order of the files: features by name; labels and weights (0: no label) by task; users."""

    features: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    users: np.ndarray
    true_probability: np.ndarray | None


class Prepared:
    """What ingestion and transform made of a configuration, with an item drawn beside each behaviour for DIEN."""

    def __init__(self, config: PipelineConfig, runs_folder: str) -> None:
        sequence = config.sequence.model_copy(update={"history_negatives": True})
        self.config = config.model_copy(update={"sequence": sequence, "name": f"{config.name}-quality"})
        self.folders = Folders.local(self.config, runs_folder)
        made = steps_until("Transform", self.config, runs_folder)
        self.raw = made["LogExampleGen"].outputs["examples"]
        self.transformed = made["Transform"].outputs["transformed_examples"]
        self.transform_output = tft.TFTransformOutput(made["Transform"].outputs["transform_graph"])
        self.split = cache(self._split)
        self.test = cache(self._test)

    def inputs(self, model: ModelConfig) -> ModelInputs:
        return describe_inputs(self.config.model_copy(update={"model": model}), self.transform_output)

    def _split(self, name: str, inputs: ModelInputs) -> Split:
        return Split.read([f"{self.transformed}/Split-{name}/*"], inputs, cache_limit_mb=8192)

    def _test(self) -> TestSplit:
        """The test split through the transform's graph, as a served model does it."""
        spec = raw_feature_spec(self.config.ingestion(), with_labels=True)
        served = raw_feature_spec(self.config.ingestion(), with_labels=False).keys()
        beside = [feature_names.USER, feature_names.TRUE_PROBABILITY]
        for task in self.config.tasks:
            beside += [feature_names.label(task.name), feature_names.mask(task.name)]
        layer = self.transform_output.transform_features_layer()
        files = sorted(tf.io.gfile.glob(f"{self.raw}/Split-test/*"))
        chunks: list[dict[str, np.ndarray]] = []
        for batch in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(TRANSFORM_BATCH):
            raw = tf.io.parse_example(batch, spec)
            features = layer({name: raw[name] for name in served})
            kept = {name: tensor.numpy() for name, tensor in features.items()}
            others = {f"raw {name}": raw[name].numpy() for name in beside if name in raw}
            chunks.append(kept | others)
        whole = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        tasks = self.config.tasks
        labels = {task.name: whole[f"raw {feature_names.label(task.name)}"] for task in tasks}
        masks = {task.name: whole.get(f"raw {feature_names.mask(task.name)}") for task in tasks}
        return TestSplit(
            features={name: values for name, values in whole.items() if not name.startswith("raw ")},
            labels=labels,
            weights={name: np.ones_like(labels[name]) if mask is None else mask for name, mask in masks.items()},
            users=np.unique(whole[f"raw {feature_names.USER}"], return_inverse=True)[1],
            true_probability=whole.get(f"raw {feature_names.TRUE_PROBABILITY}"),
        )
