"""`interestflow compile` hands the configuration on and says what it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.dag import compile as compilation

DEMO = Path(__file__).parents[3] / "configs" / "demo.yaml"


def test_the_configuration_is_compiled_to_the_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[PipelineConfig, Path]] = []
    monkeypatch.setattr(compilation, "compile_config", lambda *arguments: calls.append(arguments))
    output = tmp_path / "pipeline.yaml"
    compiled = CliRunner().invoke(app, ["compile", str(DEMO), "-o", str(output), "--data-folder", str(tmp_path)])
    assert compiled.exit_code == 0, compiled.output
    assert calls == [(load(DEMO, str(tmp_path)), output)]
    assert compiled.output.replace("\n", "") == f"wrote {output}"
