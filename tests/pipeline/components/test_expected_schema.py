"""A curated schema replaces the inferred one if it fits the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from interestflow.pipeline.components.data_gate import DataGate
from interestflow.pipeline.components.expected_schema import ExpectedSchema
from interestflow.transforms.schema.expected_schema import ExpectedSchemaError
from tests.pipeline.components.examination import ROWS, SHOP, examine
from tests.pipeline.components.step_execution import execute, make_artifact


def test_a_curated_schema_is_held_against_instead(tmp_path: Path) -> None:
    schema, _ = examine(tmp_path / "first", ROWS)
    curated = (Path(schema.uri) / "schema.pbtxt").read_text()
    laxer = curated.replace("min_domain_mass: 0.5", "min_domain_mass: 0.0")
    assert laxer != curated
    _, anomalies = examine(tmp_path / "second", [row | {"device": "watch"} for row in ROWS], curated=laxer)
    execute(DataGate, {"anomalies": anomalies}, {}, fail_on="warning")


def test_a_curated_schema_of_another_log_is_refused(tmp_path: Path) -> None:
    inferred, schema = (make_artifact(tmp_path / name, standard_artifacts.Schema) for name in ("inferred", "schema"))
    with pytest.raises(ExpectedSchemaError, match="should have feature `device`"):
        execute(
            ExpectedSchema,
            {"inferred": inferred},
            {"schema": schema},
            config=SHOP.model_dump_json(),
            curated='feature { name: "x" type: INT }',
        )
