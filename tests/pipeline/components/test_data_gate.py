"""Data like the training split pass the gate; other data stop the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorflow_transform.tf_metadata import schema_utils
from tfx.utils import io_utils

from interestflow.pipeline.components.data_gate import DataGate
from interestflow.pipeline.gates.data import DataGateError
from interestflow.transforms.feature_spec import raw_feature_spec
from tests.pipeline.components.examination import ROWS, SHOP, examine
from tests.pipeline.components.step_execution import execute


def test_data_that_are_as_before_pass(tmp_path: Path) -> None:
    schema, anomalies = examine(tmp_path, ROWS[5:])
    read = io_utils.SchemaReader().read(str(Path(schema.uri) / "schema.pbtxt"))
    assert schema_utils.schema_as_feature_spec(read).feature_spec == raw_feature_spec(SHOP, with_labels=True)
    assert [domain.name for domain in read.string_domain] == ["device"]
    execute(DataGate, {"anomalies": anomalies}, {}, fail_on="warning")


def test_a_column_that_holds_something_else_stops_the_run(tmp_path: Path) -> None:
    # A third of the devices of the training split are still present, fewer than the required half.
    changed = [row | {"device": "12.5"} if index % 3 else row for index, row in enumerate(ROWS)]
    _, anomalies = examine(tmp_path, [*changed, {"item": "i1", "label_click": 3.0}])
    with pytest.raises(DataGateError) as error:
        execute(DataGate, {"anomalies": anomalies}, {}, fail_on="error")
    heading, device, label = str(error.value).splitlines()
    assert heading == "the data are not as the schema expects:"
    assert device.startswith("validation: feature `device` (error): ")
    assert "12.5" in device
    assert label.startswith("validation: feature `label_click` (error): ")
    execute(DataGate, {"anomalies": anomalies}, {}, fail_on="never")
