"""A graph is given constants on this machine, and run parameters with the same defaults on Kubeflow."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.orchestration.data_types import RuntimeParameter

from interestflow.pipeline.dag.fingerprints import UNSEEN
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import FINGERPRINTS, RANKER, load_text

RATES = "training: {optimizer: {learning_rate: 0.3}}\n"


def test_constants_are_those_of_the_configuration_and_of_the_files_now(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER + RATES + "baseline_training: {optimizer: {learning_rate: 0.7}}\n")
    constants = GraphParameters.constants(config, Folders(str(tmp_path / "shop")), FINGERPRINTS)
    assert (constants.learning_rate, constants.baseline_learning_rate) == (0.3, 0.7)
    assert (constants.span, constants.gate, constants.scheduled_time) == ("", "", "")
    assert (constants.input_state, constants.champion_state) == (UNSEEN, "none")
    assert constants.runtime_parameters() == []


def test_each_run_may_change_what_the_configuration_gives_as_default(tmp_path: Path) -> None:
    parameters = GraphParameters.of_each_run(load_text(tmp_path, RANKER + RATES))
    assert [(value.name, value.ptype, value.default) for value in parameters.runtime_parameters()] == [
        ("span", str, "*"), ("learning_rate", float, 0.3), ("gate", str, ""), ("scheduled_time", str, ""),
    ]  # fmt: skip
    # A baseline that is trained as the model is gets the model's rate in every run.
    assert parameters.baseline_learning_rate is parameters.learning_rate
    assert (parameters.input_state, parameters.champion_state) == ("", "")


@pytest.mark.parametrize(("on_refusal", "fails"), [("skip_push", False), ("fail", True)])
def test_a_refusal_fails_the_run_only_on_kubeflow_and_where_asked(on_refusal: str, fails: bool, tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER + f"kubeflow: {{on_refusal: {on_refusal}}}\n")
    assert GraphParameters.of_each_run(config).fails_on_refusal is fails
    folders = Folders(str(tmp_path / "shop"))
    assert not GraphParameters.constants(config, folders, FINGERPRINTS).fails_on_refusal


def test_a_baseline_with_its_own_training_keeps_its_rate(tmp_path: Path) -> None:
    text = RANKER + RATES + "baseline_training: {optimizer: {learning_rate: 0.7}}\n"
    parameters = GraphParameters.of_each_run(load_text(tmp_path, text))
    assert parameters.baseline_learning_rate == 0.7
    assert isinstance(parameters.learning_rate, RuntimeParameter)
