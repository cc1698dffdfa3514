"""The graph is an input of the step and reaches `run_fn`."""

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
from interestflow.pipeline.components.graph_trainer import KNOWLEDGE_GRAPH, GraphTrainer, GraphTrainerExecutor
from tests.pipeline.components.step_execution import make_artifact


def test_it_has_the_inputs_and_outputs_of_tfx_and_the_graph() -> None:
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
    graph = GraphTrainer(knowledge_graph=channel.Channel(type=artifacts.KnowledgeGraphArtifact), **arguments)
    assert set(graph.inputs) == {*plain.inputs, KNOWLEDGE_GRAPH}
    assert {key: output.type for key, output in graph.outputs.items()} == {
        key: output.type for key, output in plain.outputs.items()
    }
    # A module file would be packed and installed at every step; the function is found by its path.
    assert graph.exec_properties == {key: value for key, value in plain.exec_properties.items() if key != "module_file"}


def test_run_fn_finds_the_folder_of_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def from_tfx(*_: object) -> SimpleNamespace:
        return SimpleNamespace(custom_config={"role": "model"})

    monkeypatch.setattr(executor.GenericExecutor, "_GetFnArgs", from_tfx)
    graph = make_artifact(tmp_path / "graph", artifacts.KnowledgeGraphArtifact)
    arguments = GraphTrainerExecutor()._GetFnArgs({KNOWLEDGE_GRAPH: [graph]}, {}, {})
    assert arguments.custom_config == {"role": "model", KNOWLEDGE_GRAPH: str(tmp_path / "graph")}
