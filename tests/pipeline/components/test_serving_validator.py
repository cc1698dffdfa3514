"""The verdict is written with the artifact properties that TFX's Pusher reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from interestflow.pipeline.components.serving_validator import ServingValidator
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.serving.config import ServingGateConfig
from tests.pipeline.components.step_execution import execute, make_artifact

MODULE = sys.modules["interestflow.pipeline.components.serving_validator"]


@pytest.mark.parametrize(
    "verdict", [ServingVerdict(is_blessed=True), ServingVerdict(is_blessed=False, reasons=("no",))]
)
def test_a_verdict_is_written_and_marked(
    verdict: ServingVerdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def judge(*arguments: Any) -> ServingVerdict:
        calls.append(arguments)
        return verdict

    monkeypatch.setattr(MODULE, "validate_serving", judge)
    model = make_artifact(tmp_path / "model", standard_artifacts.Model)
    (tmp_path / "model" / "Format-Serving").mkdir()
    (tmp_path / "model" / "Format-Serving" / "saved_model.pb").touch()
    examples = make_artifact(tmp_path / "examples", standard_artifacts.Examples)
    (tmp_path / "examples" / "Split-test").mkdir()
    (tmp_path / "examples" / "Split-test" / "data.gz").touch()
    blessing = make_artifact(tmp_path / "blessing", standard_artifacts.InfraBlessing)
    config = ServingGateConfig(max_rows=7)
    execute(
        ServingValidator, {"examples": examples, "model": model}, {"blessing": blessing},
        config=config.model_dump_json(), code_fingerprint="code",
    )  # fmt: skip
    ((gate, folder, files, output),) = calls
    assert (gate, folder) == (config, f"{tmp_path}/model/Format-Serving")
    assert [Path(file).name for file in files] == ["data.gz"]
    assert output.startswith(blessing.uri)
    assert ServingVerdict.read(blessing.uri) == verdict
    assert blessing.get_int_custom_property("blessed") == int(verdict.is_blessed)
    assert blessing.get_int_custom_property("has_model") == 1
