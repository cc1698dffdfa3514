"""The job from raw rows to columns, for the tests of the transform."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from interestflow.transforms.preprocessing import Preprocessing
from interestflow.transforms.schema.expected_schema import expected_schema
from interestflow.transforms.transformed.job import remove_temporary, transform_examples
from tests.transforms.transformed.raw_rows import Row, write_rows


@dataclass(frozen=True)
class Transformed:
    """Rows by split, and the folders of their raw examples, of the learned graph, and of the columns."""

    preprocessing: Preprocessing
    splits: dict[str, list[Row]]
    raw: Path
    graph: Path
    columns: Path

    @property
    def learned(self) -> tft.TFTransformOutput:
        """Return the learned graph."""
        return tft.TFTransformOutput(str(self.graph))

    def files(self, split: str) -> list[Path]:
        """Return the files of columns of a split, in order."""
        return sorted((self.columns / f"Split-{split}").iterdir())

    def table(self, split: str) -> pa.Table:
        """Return the columns of a split, in the order of its rows."""
        return pa.concat_tables([pa.ipc.open_file(str(file)).read_all() for file in self.files(split)])


def transform_rows(
    folder: Path, preprocessing: Preprocessing, splits: dict[str, list[Row]], rows_per_file: int
) -> Transformed:
    """Write rows as raw examples and run the job on them."""
    transformed = Transformed(preprocessing, splits, folder / "raw", folder / "graph", folder / "columns")
    for split, rows in splits.items():
        starts = range(0, len(rows), rows_per_file)
        for shard, start in enumerate(starts):
            path = transformed.raw / f"Split-{split}" / f"data_tfrecord-{shard:05}-of-{len(starts):05}.gz"
            write_rows(preprocessing.config, path, rows[start : start + rows_per_file])
    schema = expected_schema(preprocessing.config, schema_pb2.Schema())
    folders = [str(path) for path in (transformed.raw, transformed.graph, transformed.columns)]
    with beam.Pipeline("FnApiRunner") as pipeline:
        transform_examples(pipeline, preprocessing, schema, *folders)
    remove_temporary(str(transformed.graph))
    return transformed
