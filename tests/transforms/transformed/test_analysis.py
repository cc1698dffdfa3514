"""What is decoded for the analysis; what is learned from it is tested with the job."""

from __future__ import annotations

from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from interestflow.transforms.schema.expected_schema import expected_schema
from interestflow.transforms.transformed.analysis import DecodeAnalyzed
from tests.transforms.transform_graph import configuration
from tests.transforms.transformed.raw_rows import write_rows


def test_features_that_are_not_analyzed_are_decoded_without_values(tmp_path: Path) -> None:
    config = configuration(attributes=[{"name": "price", "from": "items", "kind": "numeric"}])
    schema = expected_schema(config, schema_pb2.Schema())
    rows = [{"item": name, "history_item": ["a", "b"], "price": 2.5, "user": "u"} for name in ("x", "y")]
    write_rows(config, tmp_path / "raw.gz", rows)
    step = DecodeAnalyzed(schema, {"item", "price"})
    step.setup()
    (batch,) = step.process(str(tmp_path / "raw.gz"))
    columns = batch.to_pydict()
    assert list(columns) == [feature.name for feature in schema.feature]
    assert columns["item"] == [[b"x"], [b"y"]]
    assert columns["price"] == [[2.5], [2.5]]
    assert columns["history_item"] == columns["history_age"] == [[], []]
    assert columns["user"] == [[b""], [b""]]
    assert columns["timestamp"] == [[0], [0]]
