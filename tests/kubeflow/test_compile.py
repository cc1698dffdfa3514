"""Compiling a built pipeline sets image, accelerators, environment and caching of each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp.components import load_component_from_file
from tfx.components import Trainer
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2

from interestflow.kubeflow.compile import compile_pipeline
from interestflow.kubeflow.config import KubeflowConfig
from tests.pipeline.dag.toy_steps import Double, Write, WriteExamples

CONFIG = KubeflowConfig(image="registry.example.com/toy:1", trainer_gpus=2)


def toy_pipeline() -> Pipeline:
    """Build a pipeline of plain steps and one that trains; its components can be compiled once."""
    write = Write(value=1)
    double = Double(number=write.outputs["number"])
    examples = WriteExamples(number=double.outputs["double"])
    trainer = Trainer(
        examples=examples.outputs["examples"], run_fn="somewhere.run_fn",
        train_args=trainer_pb2.TrainArgs(), eval_args=trainer_pb2.EvalArgs(),
    )  # fmt: skip
    return Pipeline("toy", "gs://bucket/toy", components=[write, double, examples, trainer], enable_cache=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "new" / "toy.yaml"
    compile_pipeline(toy_pipeline(), CONFIG, path, uncached_steps=("Write",))
    return path


@pytest.fixture(scope="module")
def containers(written: Path) -> dict[str, dict[str, Any]]:
    executors = yaml.safe_load(written.read_text())["deploymentSpec"]["executors"]
    return {name.removesuffix("_executor"): executor["container"] for name, executor in executors.items()}


def test_kfp_reads_it_back(written: Path) -> None:
    assert load_component_from_file(str(written)).name == "toy"
    assert yaml.safe_load(written.read_text())["defaultPipelineRoot"] == "gs://bucket/toy"


def test_every_step_has_the_image_and_the_environment(containers: dict[str, dict[str, Any]]) -> None:
    assert set(containers) == {"Write", "Double", "WriteExamples", "Trainer"}
    for container in containers.values():
        assert container["image"] == "registry.example.com/toy:1"
        assert container["env"] == [{"name": "TF_USE_LEGACY_KERAS", "value": "1"}]


def test_only_training_has_accelerators(containers: dict[str, dict[str, Any]]) -> None:
    for name, container in containers.items():
        accelerator = container.get("resources", {}).get("accelerator", {})
        assert accelerator.get("resourceType") == ("nvidia.com/gpu" if name == "Trainer" else None)
        assert accelerator.get("resourceCount") == ("2" if name == "Trainer" else None)


def test_the_named_steps_are_not_cached(written: Path) -> None:
    tasks = yaml.safe_load(written.read_text())["root"]["dag"]["tasks"]
    assert {name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")} == {"Write"}


def test_a_file_called_json_is_json_and_no_accelerator_is_asked_for_by_default(tmp_path: Path) -> None:
    returned = compile_pipeline(
        toy_pipeline(), KubeflowConfig(image="registry.example.com/toy:1"), tmp_path / "toy.json"
    )
    assert json.loads((tmp_path / "toy.json").read_text()) == returned
    assert "accelerator" not in json.dumps(returned)
