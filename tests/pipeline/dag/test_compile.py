"""kfp's own classes can read the compiled pipeline, which has nothing that the open-source backend rejects."""

from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.components import load_component_from_file
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.pipeline.config import load
from interestflow.pipeline.dag.compile import compile_config

pytestmark = pytest.mark.end_to_end

CONFIG = """
name: shop
data:
  folder: hdfs://logs
  events: {path: "events-*.parquet", format: parquet, user: user, item: item, timestamp: timestamp}
tasks:
  - {name: click, label: {column: click}}
model: {name: din}
kubeflow: {image: "registry.example.com/interestflow:1", pipeline_root: "gs://bucket/root", trainer_gpus: 2}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "shop.yaml").write_text(CONFIG)
    compile_config(load(folder / "shop.yaml"), folder / "pipeline.yaml")
    return folder / "pipeline.yaml"


@pytest.fixture(scope="module")
def specification(compiled: Path) -> pipeline_spec_pb2.PipelineSpec:
    return json_format.ParseDict(yaml.safe_load(compiled.read_text()), pipeline_spec_pb2.PipelineSpec())


def executors(
    specification: pipeline_spec_pb2.PipelineSpec,
) -> dict[str, pipeline_spec_pb2.PipelineDeploymentConfig.ExecutorSpec]:
    deployment = json_format.ParseDict(
        json_format.MessageToDict(specification.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    return {label.removesuffix("_executor"): executor for label, executor in deployment.executors.items()}


def test_kfp_reads_it_back(compiled: Path) -> None:
    component = load_component_from_file(str(compiled))
    assert component.name == "shop"


def test_every_step_is_a_container_of_the_configured_image(specification: pipeline_spec_pb2.PipelineSpec) -> None:
    tasks = set(specification.root.dag.tasks)
    assert {"LogExampleGen", "LeakCheck", "DataGate", "Transform", "Trainer", "ChampionFinder", "Evaluator",
            "QualityGate", "ServingValidator", "Pusher"} <= tasks  # fmt: skip
    commands = executors(specification)
    assert set(commands) == tasks
    for name, executor in commands.items():
        assert executor.WhichOneof("spec") == "container", name
        assert executor.container.image == "registry.example.com/interestflow:1"
        assert not executor.container.lifecycle.HasField("pre_cache_check"), name


def test_only_training_asks_for_gpus(specification: pipeline_spec_pb2.PipelineSpec) -> None:
    for name, executor in executors(specification).items():
        accelerator = executor.container.resources.accelerator
        expected = 2 if name in ("Trainer", "BaselineTrainer") else 0
        assert accelerator.count == expected
        assert accelerator.resource_count == ("2" if expected else "")
        assert accelerator.resource_type == ("nvidia.com/gpu" if expected else "")


def test_steps_that_depend_on_what_cannot_be_seen_are_not_cached(specification: pipeline_spec_pb2.PipelineSpec) -> None:
    uncached = {name for name, task in specification.root.dag.tasks.items() if not task.caching_options.enable_cache}
    assert uncached == {"ChampionFinder", "InputFinder"}


def test_training_waits_for_the_checks(specification: pipeline_spec_pb2.PipelineSpec) -> None:
    assert {"LeakCheck", "DataGate"} <= set(specification.root.dag.tasks["Transform"].dependent_tasks)


def test_models_are_pushed_below_the_pipeline_root(specification: pipeline_spec_pb2.PipelineSpec) -> None:
    destination = specification.root.dag.tasks["Pusher"].inputs.parameters["push_destination"]
    assert "gs://bucket/root/shop/serving/shop" in str(destination.runtime_value)


MATCHER = (
    CONFIG.replace("name: shop", "name: finder")
    .replace("{name: din}", "{name: kgat}")
    .replace("tasks:", "  knowledge_graph: {path: kg.csv, format: csv, head: h, relation: r, tail: t}\ntasks:")
    + "features: {user: {in_model: true}}\n"
)


def test_a_matcher_with_a_graph_compiles_too(tmp_path: Path) -> None:
    (tmp_path / "finder.yaml").write_text(MATCHER)
    compile_config(load(tmp_path / "finder.yaml"), tmp_path / "pipeline.yaml")
    message = json_format.ParseDict(
        yaml.safe_load((tmp_path / "pipeline.yaml").read_text()), pipeline_spec_pb2.PipelineSpec()
    )
    inputs = message.root.dag.tasks["Trainer"].inputs.artifacts
    assert inputs["knowledge_graph"].task_output_artifact.producer_task == "KnowledgeGraphGen"
    assert "knowledge_graph" not in message.root.dag.tasks["BaselineTrainer"].inputs.artifacts
    # The step that finds the files tells whether they have changed.
    source = message.root.dag.tasks["KnowledgeGraphGen"].inputs.parameters["input_fingerprint"].task_output_parameter
    assert source.producer_task.startswith("InputFinder")
    assert load_component_from_file(str(tmp_path / "pipeline.yaml")).name == "finder"


def test_every_container_has_keras_2_behind_tensorflow(specification: pipeline_spec_pb2.PipelineSpec) -> None:
    """TF Recommenders needs it, and TFX imports what decides it before it imports anything of ours."""
    for executor in executors(specification).values():
        assert {(variable.name, variable.value) for variable in executor.container.env} == {
            ("TF_USE_LEGACY_KERAS", "1")
        }
