"""Apply a learned transform to files of raw examples: phase two of the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from interestflow.transforms.examples.tfrecord_reader import read_records
from interestflow.transforms.transformed.format import Column, ColumnType
from interestflow.transforms.transformed.writer import ColumnFile

BATCH = 4096
"""Examples that the graph transforms at a time."""
COLUMN_TYPES: Mapping[tf.DType, ColumnType] = {tf.int64: "int32", tf.float32: "float32", tf.string: "binary"}


@dataclass(frozen=True)
class TransformTask:
    """One file to transform.

    Attributes:
        split: name of the split.
        source: file of raw examples; None to write a file without examples.
        target: file of columns to write.
    """

    split: str
    source: str | None
    target: str


@dataclass(frozen=True)
class LearnedTransform:
    """The transform of serialized raw examples.

    Attributes:
        function: function from serialized examples `[B]` to model inputs by name.
        columns: columns of the model inputs, by name.
    """

    function: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    columns: Mapping[str, Column]

    @classmethod
    def load(cls, folder: str, spec: Mapping[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]) -> LearnedTransform:
        """Load the graph that is also exported with the model.

        Args:
            folder: folder of TF Transform's output.
            spec: parsing specification of the features that the transform reads.
        """
        graph = saved_transform_io_v2.SavedModelLoader(tft.TFTransformOutput(folder).transform_savedmodel_dir)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def transform(records: tf.Tensor) -> dict[str, tf.Tensor]:
            return graph.apply_transform_model(tf.io.parse_example(records, spec))

        function = transform.get_concrete_function()
        missing = sorted(set(graph.structured_outputs) - set(function.structured_outputs))
        if missing:  # SavedModelLoader leaves out what depends on features that it is not given
            raise ValueError(f"`spec` should have all features of the transform, missing those of {missing}")
        columns = {
            name: Column(COLUMN_TYPES[output.dtype], tuple(output.shape[1:]))
            for name, output in function.structured_outputs.items()
        }
        return cls(function, columns)


class TransformFile(beam.DoFn):
    """Transform files one by one; the graph is loaded once for all files of a worker."""

    def __init__(self, folder: str, spec: Mapping[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]) -> None:
        """Store the folder of the learned graph, and the features to parse."""
        self._folder, self._spec = folder, spec
        self._transform: LearnedTransform | None = None

    def process(self, task: TransformTask, graph_is_written: object) -> Iterator[tuple[str, int]]:
        """Transform one file; output its split and number of examples.

        Args:
            task: the file.
            graph_is_written: a side input that is there once the graph is.
        """
        del graph_is_written
        if self._transform is None:
            self._transform = LearnedTransform.load(self._folder, self._spec)
        with ColumnFile(task.target, self._transform.columns) as file:
            for records in read_records(task.source, BATCH) if task.source else ():
                outputs = self._transform.function(tf.constant(records))
                file.write({name: output.numpy() for name, output in outputs.items()})
        yield task.split, file.examples
