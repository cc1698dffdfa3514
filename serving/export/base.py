"""Base of exported models: the transform graph, the description of the inputs, and how both are written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from interestflow.models.inputs import ModelInputs
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.description import DESCRIBE, Description
from interestflow.serving.examples import EXAMPLES
from interestflow.serving.export.compact_tables import free_memory
from interestflow.serving.export.saved_model_writer import ConcreteFunction, unique_variables, write_saved_model
from interestflow.serving.export.session_check import check_export, expected_outputs
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.publish import copy_folder
from interestflow.serving.raw_inputs import (
    Features,
    ParsingSpec,
    RawInput,
    describe_raw_inputs,
    features_from_tensors,
    missing_features,
    parsing_spec,
)
from interestflow.serving.session_model import read_meta_graph
from interestflow.serving.warm_up import synthetic_row, warm_up_requests, write_warm_up

MODEL_NAME = "model"
"""Model that warm-up requests name; TensorFlow Serving does not look at it."""
SERIALIZED = tf.TensorSpec([None], tf.string, name=EXAMPLES)
"""Input of the signatures that take serialized `tf.Example`s."""
Tensors = Mapping[str, tf.Tensor]


class ServingModule(tf.Module):
    """A model behind the transform of the features that it was trained on.

    Args:
        transform_output: output of that transform.
        raw_spec: parsing specification of the raw features that requests have, without labels.
        inputs: inputs of the model.
        description: description for clients; its `lengths` are filled in here.
        name: name of the module.

    Attributes:
        description: description for clients, with `lengths`.
    """

    def __init__(
        self,
        transform_output: TFTransformOutput,
        raw_spec: ParsingSpec,
        inputs: ModelInputs,
        description: Description,
        name: str,
    ) -> None:
        """Load the transform graph."""
        super().__init__(name=name)
        self._inputs = inputs
        self._raw_inputs = describe_raw_inputs(raw_spec, inputs.candidate_tensors)
        self._user_inputs = tuple(raw for raw in self._raw_inputs if raw.side == "user")
        self._candidate_inputs = tuple(raw for raw in self._raw_inputs if raw.side == "candidate")
        self.description = replace(description, lengths=_lengths(self._raw_inputs, inputs))
        self._transform_graph = saved_transform_io_v2.SavedModelLoader(transform_output.transform_savedmodel_dir)

    def signatures(self) -> dict[str, ConcreteFunction]:
        """Return the concrete function of each signature by name."""
        raise NotImplementedError

    def save(self, folder: str, provenance: Mapping[str, Any], tasks: Collection[str], consume: bool = False) -> None:
        """Write the SavedModel into `folder`, and beside it warm-up requests and the provenance.

        It is written to a temporary folder first, loaded there as TensorFlow Serving loads it, and every signature is
        run; only a model that answers as the one in memory does is copied to `folder`.

        Args:
            folder: folder to write to, on any file system that TensorFlow writes to.
            provenance: where the model comes from; the description of its inputs is added to it.
            tasks: names of the model's tasks.
            consume: whether the memory of the variables is freed once they are written, so that no table is in memory
                twice while the written model is checked. Neither this module nor the model works afterwards.

        Raises:
            ExportError: where a session cannot load or run the model, or its outputs differ.
        """
        signatures = self.signatures() | {DESCRIBE: self._describe_signature()}
        content = {
            **provenance,
            "tasks": list(tasks),
            "inputs": json.loads(self._inputs.to_json()),
            "raw_inputs": [raw.as_json() for raw in self._raw_inputs],
            "description": self.description.as_json(),
        }
        with tempfile.TemporaryDirectory() as temporary:
            write_saved_model(signatures, self._transform_graph.__dict__, temporary)
            _write_text(f"{temporary}/{PROVENANCE}", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            metadata = Metadata.from_signatures(0, read_meta_graph(temporary).signature_def, self.description)
            row = synthetic_row(self._raw_inputs, self.description)
            write_warm_up(temporary, warm_up_requests(MODEL_NAME, metadata, self._raw_inputs, [row]))
            expected = expected_outputs(temporary, signatures)
            if consume:
                free_memory(unique_variables(signatures))
            check_export(temporary, expected)
            copy_folder(temporary, folder)

    def _describe_signature(self) -> ConcreteFunction:
        text = json.dumps(self.description.as_json())

        def describe(rows: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"description": tf.fill(tf.shape(rows), text)}

        return trace_signature(describe, [tf.TensorSpec([None], tf.int32, name="rows")])

    def _parse(self, examples: tf.Tensor) -> Features:
        """Parse serialized `tf.Example`s `[N]`; features that the model does not know are ignored."""
        features: Features = tf.io.parse_example(examples, parsing_spec(self._raw_inputs))
        return features

    def _transform_users(self, tensors: Tensors, count: tf.Tensor) -> dict[str, tf.Tensor]:
        """Transform the features of `count` users, while those of candidates are missing."""
        # One lookup encodes a category of both the target and the history, so neither side can be transformed without a
        # stand-in for the other.
        raw = {
            **features_from_tensors(self._user_inputs, tensors),
            **missing_features(self._candidate_inputs, count),
        }
        return self._transform(raw, self._inputs.tensors().keys() - self._inputs.candidate_tensors)

    def _transform_candidates(self, tensors: Tensors, count: tf.Tensor) -> dict[str, tf.Tensor]:
        """Transform the features of `count` candidates, while those of users are missing."""
        raw = {
            **features_from_tensors(self._candidate_inputs, tensors),
            **missing_features(self._user_inputs, count),
        }
        return self._transform(raw, self._inputs.candidate_tensors)

    def _transform(self, raw: Features, names: Collection[str]) -> dict[str, tf.Tensor]:
        """Transform parsed raw features to the model's tensors `names`.

        The transform that a model was trained with never returns an id beyond its table. Where the file of another
        transform has replaced it, such an id becomes the last, which means unknown where there is a vocabulary.
        """
        transformed = self._transform_graph.apply_transform_model(raw)
        shapes, rows = self._inputs.tensors(), self._inputs.rows()
        tensors = {name: tf.ensure_shape(transformed[name], [None, *shapes[name][0]]) for name in sorted(names)}
        bounded = {name: _replace_unknown(tensors[name], rows[name]) for name in sorted(rows.keys() & tensors.keys())}
        return tensors | bounded


def trace_signature(function: Callable[..., dict[str, tf.Tensor]], specs: Iterable[tf.TensorSpec]) -> ConcreteFunction:
    """Return the concrete function of a signature with the inputs `specs`, passed by name."""
    # Skip autograph conversion, which Keras 3 switches off inside its models anyway.
    return tf.function(function, autograph=False).get_concrete_function(**{spec.name: spec for spec in specs})


def _lengths(raw_inputs: Collection[RawInput], inputs: ModelInputs) -> dict[str, int]:
    """Return how many values of each list the model reads: of a history the newest, of other lists the first."""
    values = {category.name: category.values for category in inputs.categorical if category.values is not None}
    histories = {raw.name: inputs.history_length for raw in raw_inputs if raw.kind == "history"}
    lists = {raw.name: values[raw.name] for raw in raw_inputs if raw.kind == "list" and raw.name in values}
    return histories | lists


def _write_text(path: str, text: str) -> None:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)


def _replace_unknown(ids: tf.Tensor, rows: int) -> tf.Tensor:
    """Replace ids outside the range from 0 to `rows - 1` by the last."""
    return tf.where((ids >= 0) & (ids < rows), ids, rows - 1)
