"""The graph and the parameters of the run reach `run_fn`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tfx.components import Trainer
from tfx.components.trainer import executor
from tfx.proto import trainer_pb2
from tfx.types import channel, standard_artifacts

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.model_trainer import KNOWLEDGE_GRAPH, ModelTrainer, ModelTrainerExecutor
from tests.pipeline.components.step_execution import make_artifact


def test_it_has_the_inputs_outputs_and_parameters_of_tfx_and_its_own() -> None:
    arguments: dict[str, Any] = {
        "examples": channel.Channel(type=standard_artifacts.Examples),
        "transform_graph": channel.Channel(type=standard_artifacts.TransformGraph),
        "schema": channel.Channel(type=standard_artifacts.Schema),
        "run_fn": "somewhere.run_fn",
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["validation"]),
        "custom_config": {"role": "model"},
    }
    plain = Trainer(**arguments)
    parameters = {"input_fingerprint": "abc", "learning_rate": 0.5}
    graph = channel.Channel(type=artifacts.KnowledgeGraphArtifact)
    with_graph, without = (
        ModelTrainer(**arguments, **parameters, knowledge_graph=graph),
        ModelTrainer(**arguments, **parameters),
    )
    assert set(with_graph.inputs) == {*plain.inputs, KNOWLEDGE_GRAPH}
    assert set(without.inputs) == set(plain.inputs)
    assert {key: output.type for key, output in without.outputs.items()} == {
        key: output.type for key, output in plain.outputs.items()
    }
    # A module file would be packed and installed at every step; the function is found by its path.
    expected = {key: value for key, value in plain.exec_properties.items() if key != "module_file"}
    assert without.exec_properties == expected | parameters


@pytest.mark.parametrize("with_graph", [True, False])
def test_run_fn_finds_the_parameters_and_the_folder_of_the_graph(
    with_graph: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_tfx(*_: object) -> SimpleNamespace:
        return SimpleNamespace(custom_config={"role": "model"})

    monkeypatch.setattr(executor.GenericExecutor, "_GetFnArgs", from_tfx)
    parameters = {"input_fingerprint": "abc", "learning_rate": 0.5}
    graph = make_artifact(tmp_path / "graph", artifacts.KnowledgeGraphArtifact)
    inputs = {KNOWLEDGE_GRAPH: [graph]} if with_graph else {}
    arguments = ModelTrainerExecutor()._GetFnArgs(inputs, {}, {**parameters, "custom_config": "{}"})
    folder = {KNOWLEDGE_GRAPH: str(tmp_path / "graph")} if with_graph else {}
    assert arguments.custom_config == {"role": "model", **parameters, **folder}
