"""What every exported model holds beside the model itself: the transform graph, and a description of its inputs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from interestflow.models.inputs import ModelInputs
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.description import DESCRIBE, Description
from interestflow.serving.export.saved_model_writer import write_saved_model
from interestflow.serving.export.session_check import check_export
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.publish import copy_folder
from interestflow.serving.raw_inputs import RawInput, raw_inputs
from interestflow.serving.session_model import read_meta_graph
from interestflow.serving.warm_up import synthetic_row, warm_up_requests, write_warm_up

MODEL_NAME = "model"
"""Whom warm-up requests name; TensorFlow Serving does not look at it."""


class ServedModel(tf.Module):
    """A model behind the transform that made the features it was trained on.

    Args:
        transform_output: of that transform.
        raw_spec: parsing specification of the raw features to ask with, labels not among them.
        inputs: what the model is given.
        description: what clients are to know; its `lengths` are filled in here.
        name: of the module.
    """

    def __init__(
        self,
        transform_output: TFTransformOutput,
        raw_spec: Mapping[str, Any],
        inputs: ModelInputs,
        description: Description,
        name: str,
    ) -> None:
        super().__init__(name=name)
        self._inputs = inputs
        self._raw_inputs = raw_inputs(raw_spec, inputs.candidate_tensors)
        self.description = replace(description, lengths=_lengths(self._raw_inputs, inputs))
        self._transform = saved_transform_io_v2.SavedModelLoader(transform_output.transform_savedmodel_dir)

    def signatures(self) -> dict[str, Any]:
        """Concrete functions by name."""
        raise NotImplementedError

    def save(self, folder: str, provenance: Mapping[str, Any], tasks: Collection[str]) -> None:
        """Write the SavedModel into `folder`, and beside it warm-up requests and the description.

        It is written to a temporary folder first, loaded there as TensorFlow Serving loads it, and asked by every
        signature; only a model that answers as the one in memory does gets to `folder`.

        Raises:
            ExportError: where it cannot be loaded or run by a session, or answers otherwise.
        """
        signatures = self.signatures() | {DESCRIBE: self._describe()}
        content = {
            **provenance,
            "tasks": list(tasks),
            "inputs": json.loads(self._inputs.to_json()),
            "raw_inputs": [raw.as_json() for raw in self._raw_inputs],
            "description": self.description.as_json(),
        }
        with tempfile.TemporaryDirectory() as temporary:
            write_saved_model(signatures, self._transform.__dict__, temporary)
            _write_text(f"{temporary}/{PROVENANCE}", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            metadata = Metadata.of_signatures(0, read_meta_graph(temporary).signature_def, self.description)
            row = synthetic_row(self._raw_inputs, self.description)
            write_warm_up(temporary, warm_up_requests(MODEL_NAME, metadata, self._raw_inputs, [row]))
            check_export(temporary, signatures)
            copy_folder(temporary, folder)

    def _describe(self) -> Any:
        text = json.dumps(self.description.as_json())

        def describe(rows: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"description": tf.fill(tf.shape(rows), text)}

        return tf.function(describe, autograph=False).get_concrete_function(
            rows=tf.TensorSpec([None], tf.int32, name="rows")
        )

    def _of_side(self, side: str) -> tuple[RawInput, ...]:
        return tuple(raw for raw in self._raw_inputs if raw.side == side)

    def _transformed(self, raw: Mapping[str, Any], names: Collection[str]) -> dict[str, tf.Tensor]:
        """Transform raw features to the model's tensors `names`.

        The transform that a model was trained with never gives an id beyond its table. Where a file of another has come
        to be in its place, such an id becomes the last, which means unknown where there is a vocabulary.
        """
        transformed = self._transform.apply_transform_model(raw)
        shapes, rows = self._inputs.tensors(), self._inputs.rows()
        tensors = {name: tf.ensure_shape(transformed[name], [None, *shapes[name][0]]) for name in sorted(names)}
        return tensors | {name: _within(tensors[name], rows[name]) for name in sorted(rows.keys() & tensors.keys())}


def _lengths(raw: Collection[RawInput], inputs: ModelInputs) -> dict[str, int]:
    """How many values of each list the model reads, by name: of a history the newest, of other lists the first."""
    values = {category.name: category.values for category in inputs.categorical if category.values is not None}
    along = {feature.name: inputs.history_length for feature in raw if feature.kind == "history"}
    lists = {feature.name: values[feature.name] for feature in raw if feature.kind == "list" and feature.name in values}
    return along | lists


def _write_text(path: str, text: str) -> None:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)


def _within(ids: tf.Tensor, rows: int) -> tf.Tensor:
    """`ids`, with the last in place of those that are not from 0 to `rows - 1`."""
    return tf.where((ids >= 0) & (ids < rows), ids, rows - 1)
