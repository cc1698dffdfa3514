"""A compiled pipeline has all that its steps need on the open-source backend, in the fields that the backend reads."""

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

from interestflow.digests import code_digest
from interestflow.kubeflow.compile import CompileError, compile_pipeline
from interestflow.kubeflow.config import KubeflowConfig
from interestflow.kubeflow.step_rules import StepRules
from tests.kubeflow.toy_pipeline import RULES, toy_pipeline

CONFIG = KubeflowConfig.model_validate(
    {
        "image": "ghcr.io/toys/toy:1",
        "gpu_image": "ghcr.io/toys/toy-gpu:1",
        "pipeline_root": "gs://toys/root/",
        "environment": {"AWS_REGION": "eu-1"},
        "secrets": [{"name": "store", "env": {"AWS_SECRET_ACCESS_KEY": "key"}, "steps": ["Find"]}],
        "volumes": [{"claim": "logs", "mount_path": "/data", "steps": ["Find", "Read"]}],
        "resources": {"cpu": "500m", "memory": "2Gi"},
        "trainer_gpus": 2,
        "retries": 1,
        "steps": {
            "Read": {"retries": 0, "cpu_limit": "4", "disk": "50Gi"},
            "Trainer": {"memory": "16Gi", "node_selector": {"pool": "gpu"}},
        },
    }
)
STEPS = {"Find", "Read", "WriteExamples", "Trainer"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "new" / "toy.yaml"
    compile_pipeline(toy_pipeline(), CONFIG, path, RULES)
    return path


@pytest.fixture(scope="module")
def documents(written: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(written.read_text()))


@pytest.fixture(scope="module")
def containers(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    executors = documents[0]["deploymentSpec"]["executors"]
    return {name.removesuffix("_executor"): executor["container"] for name, executor in executors.items()}


@pytest.fixture(scope="module")
def tasks(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    tasks: dict[str, dict[str, Any]] = documents[0]["root"]["dag"]["tasks"]
    return tasks


def own_arguments(container: dict[str, Any]) -> dict[str, str]:
    """Return our own arguments of a step, by name."""
    return dict(zip(container["args"][6:-1:2], container["args"][7:-1:2], strict=True))


def test_the_protobufs_of_kfp_have_every_field(documents: list[dict[str, Any]], written: Path) -> None:
    specification = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.MessageToDict(specification.deployment_spec)
    json_format.ParseDict(deployment, pipeline_spec_pb2.PipelineDeploymentConfig())
    platform = json_format.ParseDict(documents[1], pipeline_spec_pb2.PlatformSpec())
    for executor in platform.platforms["kubernetes"].deployment_spec.executors.values():
        fields = json_format.MessageToDict(executor)
        json_format.ParseDict(fields, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    assert len(documents) == 2
    component = load_component_from_file(str(written))
    assert component.name == "toy"
    assert set(component.platform_spec.platforms["kubernetes"].deployment_spec.executors) == {
        "Find_executor", "Read_executor", "Trainer_executor",
    }  # fmt: skip


def test_steps_with_gpus_have_the_image_for_gpus(containers: dict[str, dict[str, Any]]) -> None:
    images = {name: container["image"] for name, container in containers.items()}
    assert images == dict.fromkeys(STEPS, "ghcr.io/toys/toy:1") | {"Trainer": "ghcr.io/toys/toy-gpu:1"}


def test_every_step_begins_with_our_entry_point(containers: dict[str, dict[str, Any]]) -> None:
    for container in containers.values():
        assert container["command"] == ["python", "-m", "interestflow.kubeflow.run_step"]
        assert container["args"][:6:2] == [
            "--executor_class_path", "--json_serialized_invocation_args", "--json_serialized_inputs_spec_args",
        ]  # fmt: skip
        assert container["args"][3] == "{{$}}"
        assert container["args"][-1] == "--runner=FnApiRunner"


def test_steps_have_arguments_for_types_root_and_code(containers: dict[str, dict[str, Any]]) -> None:
    types = {name: json.loads(own_arguments(container)["--output_types"]) for name, container in containers.items()}
    assert types == {
        "Find": {"text": "tfx.String"}, "Read": {"number": "tests.ToyNumber"},
        "WriteExamples": {"examples": "tfx.Examples"}, "Trainer": {"model": "tfx.Model", "model_run": "tfx.ModelRun"},
    }  # fmt: skip
    for name, container in containers.items():
        arguments = own_arguments(container)
        assert {"--output_types", "--environment_digest", "--code_digest"} <= arguments.keys()
        # The step that all others wait for checks the root.
        assert arguments.get("--pipeline_root") == ("gs://toys/root" if name == "Find" else None)
        assert arguments["--code_digest"] == code_digest("kubeflow", "models", "pipeline", "serving", "transforms")


def test_every_step_has_the_environment_of_a_local_run(containers: dict[str, dict[str, Any]]) -> None:
    for container in containers.values():
        assert container["env"] == [
            {"name": "AWS_REGION", "value": "eu-1"},
            {"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"},
            {"name": "TF_ENABLE_ONEDNN_OPTS", "value": "0"},
            {"name": "TF_USE_LEGACY_KERAS", "value": "1"},
        ]


def test_resources_stand_in_the_fields_whose_units_are_kept(containers: dict[str, dict[str, Any]]) -> None:
    gpus = {"type": "nvidia.com/gpu", "count": "2", "resourceType": "nvidia.com/gpu", "resourceCount": "2"}

    def resources(memory: str, accelerator: dict[str, str], **limits: str) -> dict[str, Any]:
        return {
            "resourceCpuRequest": "500m", "resourceMemoryRequest": memory, "resourceMemoryLimit": memory,
            "accelerator": accelerator, **limits,
        }  # fmt: skip

    def disk(size: str) -> dict[str, str]:
        return {"resourceType": "ephemeral-storage", "resourceCount": size}

    assert {name: container["resources"] for name, container in containers.items()} == {
        "Find": resources("2Gi", disk("10Gi")),
        "Read": resources("2Gi", disk("50Gi"), resourceCpuLimit="4"),
        "WriteExamples": resources("2Gi", disk("10Gi")),
        "Trainer": resources("16Gi", gpus),
    }


def test_the_named_steps_are_not_cached(tasks: dict[str, dict[str, Any]]) -> None:
    assert {name: task["cachingOptions"] for name, task in tasks.items()} == {
        "Find": {}, "Read": {"enableCache": True}, "WriteExamples": {"enableCache": True},
        "Trainer": {"enableCache": True},
    }  # fmt: skip


def test_a_step_runs_under_its_condition(tasks: dict[str, dict[str, Any]]) -> None:
    assert {name: task["triggerPolicy"] for name, task in tasks.items() if "triggerPolicy" in task} == {
        "WriteExamples": {"condition": "inputs.artifacts['number'].artifacts[0].metadata['large'] == 1.0"}
    }


def test_retries_are_not_cut_off_by_time(tasks: dict[str, dict[str, Any]]) -> None:
    policy = {"maxRetryCount": 1, "backoffDuration": "10s", "backoffFactor": 2, "backoffMaxDuration": "2592000s"}
    assert {name: task.get("retryPolicy") for name, task in tasks.items()} == {
        "Find": policy, "Read": None, "WriteExamples": policy, "Trainer": policy,
    }  # fmt: skip


def test_a_value_comes_from_the_step_that_the_backend_knows(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["Read"]["inputs"]["parameters"]["text"] == {
        "taskOutputParameter": {"producerTask": "Find", "outputParameterKey": "text"}
    }
    assert tasks["Read"]["dependentTasks"] == ["Find"]


def test_parameters_of_a_run_have_defaults_and_descriptions(documents: list[dict[str, Any]]) -> None:
    assert documents[0]["root"]["inputDefinitions"] == {
        "parameters": {
            "span": {
                "parameterType": "STRING", "defaultValue": "", "isOptional": True, "description": "Span of the log.",
            },
            "rate": {
                "parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5, "isOptional": True,
                "description": "Learning rate.",
            },
            "scheduled_time": {
                "parameterType": "STRING", "defaultValue": "", "isOptional": True,
                "description": "Time of a recurring run.",
            },
        }
    }  # fmt: skip


def test_json_without_a_platform_document(tmp_path: Path) -> None:
    config = KubeflowConfig(image="ghcr.io/toys/toy:1", pipeline_root="s3://toys")
    returned = compile_pipeline(toy_pipeline(), config, tmp_path / "toy.json", RULES)
    assert json.loads((tmp_path / "toy.json").read_text()) == returned
    assert returned["defaultPipelineRoot"] == "s3://toys"


def test_what_json_has_no_place_for(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"^`--output` should end in \.yaml, since volumes, secrets, .* received"):
        compile_pipeline(toy_pipeline(), CONFIG, tmp_path / "toy.json", RULES)
    with pytest.raises(CompileError, match=r"^`--output` should end in \.yaml or \.json, received '.*toy\.zip'$"):
        compile_pipeline(toy_pipeline(), CONFIG, tmp_path / "toy.zip", RULES)
    assert list(tmp_path.iterdir()) == []


def test_a_parameter_without_a_default_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="runtime parameters without a default: rate, span"):
        compile_pipeline(toy_pipeline(), CONFIG, tmp_path / "toy.yaml", StepRules())
