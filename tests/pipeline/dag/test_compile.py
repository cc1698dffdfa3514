"""A configuration's compiled graph: steps, conditions and run parameters, and nothing of the compiling machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.components import load_component_from_file
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from interestflow.kubeflow.step.arguments import parse_arguments
from interestflow.kubeflow.step.locations import Locations
from interestflow.kubeflow.step.plan import plan_step
from interestflow.pipeline.config import load
from interestflow.pipeline.dag.compile import compile_config
from tests.paths import PROJECT

pytestmark = pytest.mark.end_to_end

CONFIG = """
name: shop
data:
  folder: gs://shop-logs/clicks
  events: {path: "events-*.parquet", format: parquet, user: user, item: item, timestamp: timestamp}
tasks:
  - {name: click, label: {column: click}}
model: {name: din}
kubeflow:
  image: ghcr.io/shop/interestflow:1
  gpu_image: ghcr.io/shop/interestflow-gpu:1
  pipeline_root: gs://shop-models/root
  trainer_gpus: 2
"""
STEPS = {
    "InputFinder", "LogExampleGen", "LeakCheck", "StatisticsGen", "SchemaGen", "ExpectedSchema", "ExampleValidator",
    "DataGate", "Transform", "Trainer", "ChampionFinder", "Evaluator", "QualityGate", "ServingValidator", "Pusher",
    "BaselineTrainer", "BaselineEvaluator",
}  # fmt: skip


def compile_text(folder: Path, text: str) -> list[dict[str, Any]]:
    """Compile a configuration and return the documents that were written."""
    (folder / "shop.yaml").write_text(text)
    compile_config(load(folder / "shop.yaml"), folder / "pipeline.yaml")
    return list(yaml.safe_load_all((folder / "pipeline.yaml").read_text()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def documents(folder: Path) -> list[dict[str, Any]]:
    return compile_text(folder, CONFIG)


@pytest.fixture(scope="module")
def tasks(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    tasks: dict[str, dict[str, Any]] = documents[0]["root"]["dag"]["tasks"]
    return tasks


def test_the_protobufs_of_kfp_have_every_field(documents: list[dict[str, Any]], folder: Path) -> None:
    specification = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(
        json_format.MessageToDict(specification.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    for executor in deployment.executors.values():
        assert executor.WhichOneof("spec") == "container"
        assert not executor.container.lifecycle.HasField("pre_cache_check")
    platform = json_format.ParseDict(documents[1], pipeline_spec_pb2.PlatformSpec())
    configs = platform.platforms["kubernetes"].deployment_spec.executors
    assert set(configs) == {"Trainer_executor", "BaselineTrainer_executor"}
    for config in configs.values():
        fields = json_format.MessageToDict(config)
        json_format.ParseDict(fields, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    assert load_component_from_file(str(folder / "pipeline.yaml")).name == "shop"


def test_both_trainings_have_gpus_and_their_image(documents: list[dict[str, Any]]) -> None:
    containers = {
        label.removesuffix("_executor"): executor["container"]
        for label, executor in documents[0]["deploymentSpec"]["executors"].items()
    }
    assert set(containers) == STEPS
    for name, container in containers.items():
        is_training = name in ("Trainer", "BaselineTrainer")
        accelerator = container["resources"]["accelerator"]
        assert (container["image"], accelerator["resourceType"], accelerator["resourceCount"]) == (
            ("ghcr.io/shop/interestflow-gpu:1", "nvidia.com/gpu", "2")
            if is_training
            else ("ghcr.io/shop/interestflow:1", "ephemeral-storage", "10Gi")
        )


def test_the_steps_that_look_outside_are_not_cached(tasks: dict[str, dict[str, Any]]) -> None:
    uncached = {name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")}
    assert uncached == {"InputFinder", "ChampionFinder"}


def test_training_waits_for_the_checks(tasks: dict[str, dict[str, Any]]) -> None:
    assert {"LeakCheck", "DataGate"} <= set(tasks["Transform"]["dependentTasks"])


def test_checks_of_the_data_are_not_retried(tasks: dict[str, dict[str, Any]]) -> None:
    assert {name for name, task in tasks.items() if "retryPolicy" not in task} == {"LeakCheck", "DataGate"}


def test_values_come_from_steps_that_exist(tasks: dict[str, dict[str, Any]]) -> None:
    sources = {
        (name, parameter): source["taskOutputParameter"]["producerTask"]
        for name, task in tasks.items()
        for parameter, source in task.get("inputs", {}).get("parameters", {}).items()
        if "taskOutputParameter" in source
    }
    assert sources[("LogExampleGen", "input_fingerprint")] == "InputFinder"
    assert "ChampionFinder" in sources.values()
    for (name, _), producer in sources.items():
        assert producer in tasks[name]["dependentTasks"]


def test_models_are_pushed_below_the_pipeline_root(tasks: dict[str, dict[str, Any]]) -> None:
    destination = tasks["Pusher"]["inputs"]["parameters"]["push_destination"]
    assert "gs://shop-models/root/shop/serving/shop" in destination["runtimeValue"]["constant"]


def test_only_a_model_that_both_gates_bless_is_pushed(tasks: dict[str, dict[str, Any]]) -> None:
    assert {name: task["triggerPolicy"]["condition"] for name, task in tasks.items() if "triggerPolicy" in task} == {
        "Pusher": "inputs.artifacts['model_blessing'].artifacts[0].metadata['blessed'] == 1.0"
        " && inputs.artifacts['infra_blessing'].artifacts[0].metadata['blessed'] == 1.0"
    }
    assert {"model_blessing", "infra_blessing"} <= set(tasks["Pusher"]["inputs"]["artifacts"])


def test_parameters_of_a_run(documents: list[dict[str, Any]]) -> None:
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert {name: (entry["parameterType"], entry["defaultValue"]) for name, entry in parameters.items()} == {
        "span": ("STRING", "*"),
        "learning_rate": ("NUMBER_DOUBLE", 0.05),
        "gate": ("STRING", ""),
        "scheduled_time": ("STRING", ""),
    }
    assert all(entry["isOptional"] and entry["description"].endswith(".") for entry in parameters.values())


RECORDED = json.loads((PROJECT / "tests" / "kubeflow" / "recordings" / "executor_inputs.json").read_text())


@pytest.mark.parametrize("step", sorted(RECORDED))
def test_what_the_real_driver_sent_is_accepted_by_the_compiled_command_and_refused_by_that_of_tfx(
    step: str, documents: list[dict[str, Any]]
) -> None:
    arguments = list(documents[0]["deploymentSpec"]["executors"][f"{step}_executor"]["container"]["args"])
    arguments[arguments.index("{{$}}")] = json.dumps(RECORDED[step])
    plan = plan_step(parse_arguments(arguments), Locations())
    assert set(plan.outputs) == set(RECORDED[step]["outputs"]["artifacts"]) - {"executor-logs"}
    assert all(artifact.path.startswith("/s3/models/final/demo/") for artifact in plan.inputs.values())
    stock, beam_arguments = kubeflow_v2_run_executor._parse_flags(["stock", *arguments])
    with pytest.raises((AttributeError, ImportError), match=r"no attribute 'get'|No module named|Could not import"):
        kubeflow_v2_run_executor.main((stock, beam_arguments))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("gs://shop-models/root", "gs://other-models/root"),
        ("  trainer_gpus: 2", "  trainer_gpus: 2\n  environment: {AWS_REGION: eu-west-1}"),
        ("interestflow:1", "interestflow:2"),
    ],
)
def test_another_root_environment_or_image_takes_nothing_from_the_cache(
    before: str, after: str, documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    """By what the backend compares of a container, beside its inputs: image and command."""
    text = CONFIG.replace(before, after)
    if before == "interestflow:1":
        text = text.replace("interestflow-gpu:1", "interestflow-gpu:2")
    changed = compile_text(tmp_path, text)
    for label, executor in documents[0]["deploymentSpec"]["executors"].items():
        first, second = executor["container"], changed[0]["deploymentSpec"]["executors"][label]["container"]
        assert (first["args"], first["image"]) != (second["args"], second["image"]), label


MATCHER = (
    CONFIG.replace("name: shop", "name: finder")
    .replace("{name: din}", "{name: kgat}")
    .replace("tasks:", "  knowledge_graph: {path: kg.csv, format: csv, head: h, relation: r, tail: t}\ntasks:")
    + "  on_refusal: fail\nfeatures: {user: {in_model: true}}\n"
)


def test_a_matcher_with_a_graph(tmp_path: Path) -> None:
    specification = compile_text(tmp_path, MATCHER)[0]
    json_format.ParseDict(specification, pipeline_spec_pb2.PipelineSpec())
    tasks = specification["root"]["dag"]["tasks"]
    graph = tasks["Trainer"]["inputs"]["artifacts"]["knowledge_graph"]
    assert graph["taskOutputArtifact"]["producerTask"] == "KnowledgeGraphGen"
    assert "knowledge_graph" not in tasks["BaselineTrainer"]["inputs"]["artifacts"]
    # The step that finds the files tells whether they have changed.
    fingerprint = tasks["KnowledgeGraphGen"]["inputs"]["parameters"]["input_fingerprint"]
    assert fingerprint["taskOutputParameter"]["producerTask"] == "InputFinder"
    # A run that fails where a gate refuses has no condition.
    assert "triggerPolicy" not in tasks["Pusher"]
