"""A Beam step gets its arguments from outside its specification, and packs no sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration.executable_spec_pb2 import BeamExecutableSpec
from tfx.utils import dependency_utils

from interestflow.pipeline.dag.beam_operator import BeamStepOperator
from tests.pipeline.dag.toy_steps import Number, Options


def test_a_step_runs_with_the_arguments_of_its_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(dependency_utils, "build_ephemeral_package")
    specification = Options.EXECUTOR_SPEC.encode()
    assert isinstance(specification, BeamExecutableSpec)
    operator = BeamStepOperator.with_arguments(["--runner=FnApiRunner", "--direct_num_workers=3"])(specification)
    output = Number()
    output.uri = str(tmp_path)
    operator.run_executor(
        ExecutionInfo(
            output_dict={"options": [output]}, execution_output_uri=str(tmp_path / "result.pb"),
            stateful_working_dir=str(tmp_path), tmp_dir=str(tmp_path),
        )
    )  # fmt: skip
    assert json.loads((tmp_path / "options").read_text()) == {
        "runner": "FnApiRunner", "direct_running_mode": "in_memory", "direct_num_workers": 3,
    }  # fmt: skip
