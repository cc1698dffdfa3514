"""`interestflow schema` prints the schema that editors read."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from interestflow.pipeline.config_schema import json_schema


def test_the_schema_is_printed_as_json() -> None:
    printed = CliRunner().invoke(app, ["schema"])
    assert printed.exit_code == 0
    assert json.loads(printed.output) == json_schema()
