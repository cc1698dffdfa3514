"""Learn the transform from raw examples: phase one of the step, by TF Transform."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.public import tfxio

from interestflow.transforms.examples.tfrecord_reader import read_records
from interestflow.transforms.preprocessing import Preprocessing

BATCH = 8192
TEMPORARY_FOLDER = ".scratch-transform"
"""Folder below the graph's for what TF Transform is building; what is named so is cleaned after a failure."""


class DecodeAnalyzed(beam.DoFn):
    """Decode files of raw examples into record batches that have the analyzed features, and stand-ins for all others.

    TF Transform asks for every feature whose ids are looked up, although no analyzer sees them: a lookup has a state,
    so it counts as a dependency of everything. Histories are empty here and single values are missing, which costs
    nothing to decode.
    """

    def __init__(self, schema: schema_pb2.Schema, analyzed: Collection[str]) -> None:
        """Store the schema of all features, and the names of those that are analyzed."""
        self._schema = schema.SerializeToString()
        features = [feature for feature in schema.feature if feature.name in analyzed]
        self._analyzed = schema_pb2.Schema(feature=features).SerializeToString()
        self._single = {feature.name for feature in schema.feature if feature.HasField("shape")}

    def setup(self) -> None:
        """Build the decoder, which cannot be sent to workers."""
        self._decoder = ExamplesToRecordBatchDecoder(self._analyzed)
        self._arrow_schema = ExamplesToRecordBatchDecoder(self._schema).ArrowSchema()

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        """Decode one file."""
        for records in read_records(path, BATCH):
            decoded = self._decoder.DecodeBatch(records)
            names = set(decoded.schema.names)
            columns = [
                decoded.column(field.name) if field.name in names else self._stand_in(field, decoded.num_rows)
                for field in self._arrow_schema
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self._arrow_schema)

    def _stand_in(self, field: pa.Field, count: int) -> pa.LargeListArray:
        """Return a feature of `count` examples without values: "" or 0 where there must be one."""
        value_type = field.type.value_type
        length = int(field.name in self._single)
        zero = b"" if pa.types.is_large_binary(value_type) else 0
        values = pa.array(np.full(count * length, zero, object), value_type)
        return pa.LargeListArray.from_arrays(pa.array(np.arange(count + 1) * length), values)


def learn_transform(
    pipeline: beam.Pipeline,
    files: Sequence[str],
    schema: schema_pb2.Schema,
    preprocessing: Preprocessing,
    folder: str,
) -> beam.PCollection:
    """Add the analysis of raw examples to a pipeline, and the writing of TF Transform's graph and vocabularies.

    Only the features that are analyzed are decoded: those of targets, as a rule, and no histories.

    Args:
        pipeline: the pipeline.
        files: files to learn from.
        schema: schema of the raw examples.
        preprocessing: the transform.
        folder: folder to write to; `tft.TFTransformOutput(folder)` reads it once the pipeline has run.

    Returns:
        One element, once the graph is complete.
    """
    source = tfxio.TFExampleBeamRecord("tfrecord", ["Transform"], schema=schema)
    batches = (
        pipeline
        | "AnalyzedFiles" >> beam.Create(list(files))
        | "SpreadAnalyzedFiles" >> beam.Reshuffle()
        | "DecodeAnalyzed" >> beam.ParDo(DecodeAnalyzed(schema, preprocessing.analyzed_features()))
    )
    with tft_beam.Context(temp_dir=f"{folder}/{TEMPORARY_FOLDER}"):
        learned = (batches, source.TensorAdapterConfig()) | "Analyze" >> tft_beam.AnalyzeDataset(preprocessing)
    metadata = dataset_metadata.DatasetMetadata(schema)
    _ = metadata | "WriteRawMetadata" >> tft_beam.WriteMetadata(
        f"{folder}/{tft.TFTransformOutput.RAW_METADATA_DIR}", pipeline
    )
    return learned | "WriteGraph" >> tft_beam.WriteTransformFn(folder)
