"""Compiles a TFX pipeline to a Kubeflow Pipelines v2 specification whose steps run on the open-source backend.

TFX writes the graph; everything here completes what TFX leaves out or writes for another backend: the entry point of
the steps (TFX's own cannot start there, see `run_step`), the environment, resources, retries, conditions, the
parameters of a run, and the platform document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.types.standard_component_specs import TrainerSpec

from interestflow.digests import code_digest
from interestflow.kubeflow.config import KubeflowConfig
from interestflow.kubeflow.pipeline_root import normalized_root
from interestflow.kubeflow.platform import platform_document
from interestflow.kubeflow.step.arguments import (
    CODE_DIGEST,
    CODE_PACKAGES,
    ENVIRONMENT_DIGEST,
    EXECUTOR_CLASS,
    INPUTS_SPEC,
    INVOCATION,
    OUTPUT_TYPES,
    PIPELINE_ROOT,
)
from interestflow.kubeflow.step_rules import RunParameter, StepRules
from interestflow.kubeflow.step_settings import StepSettings, step_settings

ResourceSpec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec

COMMAND = ["python", "-m", "interestflow.kubeflow.run_step"]
TFX_ARGUMENTS = (EXECUTOR_CLASS, INVOCATION, INPUTS_SPEC)
"""Options that TFX begins the arguments of each step with; Beam's come after their values."""
PRODUCER_SUFFIX = "_task"
"""What TFX appends to the step that another one has a parameter of. The backend knows the step without it."""
BACKOFF_SECONDS, BACKOFF_FACTOR = 10, 2
LONGEST_RETRIED_SECONDS = 30 * 24 * 3600
"""Argo retries no step whose first attempt began longer ago than this, and without a value no step at all. An hour,
kfp's default, would exclude the very trainings whose loss is worst."""
SUFFIXES = (".yaml", ".yml", ".json")


class CompileError(Exception):
    """A pipeline that cannot be written as it was asked for."""


def compile_pipeline(
    pipeline: tfx_pipeline.Pipeline, config: KubeflowConfig, output: Path, rules: StepRules
) -> dict[str, Any]:
    """Compile a pipeline and write its specification.

    The same pipeline and configuration give the same bytes, on every machine with the same code.

    Args:
        pipeline: TFX pipeline. TFX compiles a component object only once, so it cannot be compiled or run again.
        config: root, images, resources and access of the steps.
        output: file to write, as JSON where its name ends in `.json` and as YAML otherwise.
        rules: what the builder of the pipeline knows of its steps.

    Returns:
        The specification as it was written, without the platform document.

    Raises:
        CompileError: if a file of this name cannot hold what the configuration needs.
    """
    trainers = training_steps(pipeline)
    settings = {
        step.id: step_settings(config, step.id, step.id in trainers, step.id in rules.verdicts)
        for step in pipeline.components
    }
    specification = _tfx_specification(pipeline, config)
    root = normalized_root(config.pipeline_root or pipeline.pipeline_info.pipeline_root)
    specification["defaultPipelineRoot"] = root
    executors: dict[str, Any] = specification["deploymentSpec"]["executors"]
    labels = {name: component["executorLabel"] for name, component in specification["components"].items()}
    code = code_digest(*CODE_PACKAGES)
    tasks = specification["root"]["dag"]["tasks"]
    for name, component in specification["components"].items():
        container = executors[labels[name]]["container"]
        own_arguments = {
            OUTPUT_TYPES: json.dumps(_output_types(component), sort_keys=True),
            ENVIRONMENT_DIGEST: settings[name].environment_digest(root),
            CODE_DIGEST: code,
        }
        if not tasks[name].get("dependentTasks"):
            own_arguments[PIPELINE_ROOT] = root  # the first steps check it for all, before anything is done
        _complete_container(container, settings[name], own_arguments)
    for name, task in tasks.items():
        _complete_task(name, task, rules, settings[name].retries)
    _declare_parameters(specification, rules.parameters)
    platform = platform_document(config, {labels[name]: settings[name] for name in labels})
    _write([specification] if platform is None else [specification, platform], output)
    return specification


def training_steps(pipeline: tfx_pipeline.Pipeline) -> frozenset[str]:
    """Return the ids of the steps that train a model."""
    return frozenset(step.id for step in pipeline.components if isinstance(getattr(step, "spec", None), TrainerSpec))


def _tfx_specification(pipeline: tfx_pipeline.Pipeline, config: KubeflowConfig) -> dict[str, Any]:
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=config.image, default_commands=COMMAND, use_pipeline_spec_2_1=True
        )
    )
    job = runner.run(pipeline, write_out=False)
    specification: dict[str, Any] = job["pipelineSpec"]
    return specification


def _output_types(component: Mapping[str, Any]) -> dict[str, str]:
    """Return the schema title by output, which the backend sends to no step."""
    artifacts = component.get("outputDefinitions", {}).get("artifacts", {})
    return {
        name: str(yaml.safe_load(artifact["artifactType"]["instanceSchema"])["title"])
        for name, artifact in artifacts.items()
    }


def _complete_container(container: dict[str, Any], settings: StepSettings, own_arguments: Mapping[str, str]) -> None:
    """Set image, environment, resources and our own arguments, which stand between those of TFX and Beam."""
    arguments = container["args"]
    end = 2 * len(TFX_ARGUMENTS)
    if tuple(arguments[0:end:2]) != TFX_ARGUMENTS:
        raise ValueError(f"TFX writes other arguments than {TFX_ARGUMENTS}: {arguments[:end]}")
    container["args"] = [
        *arguments[:end],
        *(text for option in own_arguments.items() for text in option),
        *arguments[end:],
    ]
    container["image"] = settings.image
    container["env"] = [{"name": name, "value": value} for name, value in sorted(settings.environment.items())]
    container["resources"] = json_format.MessageToDict(_resources(settings))


def _resources(settings: StepSettings) -> Any:
    """Return what a step requests.

    The backend (2.16, `initPodSpecPatch` in backend/src/v2/driver) reads the texts `resourceCpuRequest`,
    `resourceCpuLimit`, `resourceMemoryRequest` and `resourceMemoryLimit` as Kubernetes quantities. Only where they are
    empty does it read the numbers `cpuRequest`, ..., to which it appends `G`, 10^9 bytes, whatever was meant.

    `accelerator` becomes the limit `resourceType: resourceCount` of any resource, and Kubernetes reserves what a limit
    allows where nothing else is requested. It is the only way to reserve disk, therefore, and it is taken where a step
    has GPUs. `type` and `count` are what versions before 2.4 read.
    """
    resources = ResourceSpec(
        resource_cpu_request=settings.cpu,
        resource_cpu_limit=settings.cpu_limit or "",
        resource_memory_request=settings.memory,
        resource_memory_limit=settings.memory,
    )
    accelerator = resources.accelerator
    if settings.gpus:
        accelerator.type = accelerator.resource_type = settings.gpu_type
        accelerator.count, accelerator.resource_count = settings.gpus, str(settings.gpus)
    elif settings.disk is not None:
        accelerator.resource_type, accelerator.resource_count = "ephemeral-storage", settings.disk
    return resources


def _complete_task(name: str, task: dict[str, Any], rules: StepRules, retries: int) -> None:
    """Set caching, condition and retries of a task, and name the producers of its parameters."""
    if name in rules.uncached:
        task["cachingOptions"] = {}
    if name in rules.conditions:
        task["triggerPolicy"] = {"condition": rules.conditions[name]}
    if retries:
        task["retryPolicy"] = {
            "maxRetryCount": retries,
            "backoffDuration": f"{BACKOFF_SECONDS}s",
            "backoffFactor": BACKOFF_FACTOR,
            "backoffMaxDuration": f"{LONGEST_RETRIED_SECONDS}s",
        }
    producers = set(task.get("dependentTasks", ()))
    for parameter in task.get("inputs", {}).get("parameters", {}).values():
        source = parameter.get("taskOutputParameter")
        if source is not None:
            source["producerTask"] = source["producerTask"].removesuffix(PRODUCER_SUFFIX)
            producers.add(source["producerTask"])
    if producers:
        task["dependentTasks"] = sorted(producers)


def _declare_parameters(specification: dict[str, Any], parameters: Sequence[RunParameter]) -> None:
    """Declare the parameters of a run; the backend refuses runs that give any other."""
    declared = specification["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    undescribed = declared.keys() - {parameter.name for parameter in parameters}
    if undescribed:
        raise ValueError(f"runtime parameters without a default: {', '.join(sorted(undescribed))}")
    for parameter in parameters:
        kind = "STRING" if isinstance(parameter.default, str) else "NUMBER_DOUBLE"
        entry = declared.setdefault(parameter.name, {"parameterType": kind})
        if entry["parameterType"] != kind:
            raise ValueError(f"`{parameter.name}` is {entry['parameterType']} in the graph and {kind} by default")
        entry.update(defaultValue=parameter.default, isOptional=True, description=parameter.description)
    if not declared:
        del specification["root"]["inputDefinitions"]


def _write(documents: list[dict[str, Any]], output: Path) -> None:
    if output.suffix not in SUFFIXES:
        raise CompileError(f"`--output` should end in .yaml or .json, received {str(output)!r}")
    if output.suffix == ".json":
        if len(documents) > 1:  # kfp has no form for both in JSON either
            raise CompileError(
                "`--output` should end in .yaml, since volumes, secrets, nodes, the image's pull policy and the shared "
                f"memory of GPUs stand in a second document, which JSON has no place for, received {str(output)!r}"
            )
        text = json.dumps(documents[0], indent=2, sort_keys=True) + "\n"
    else:
        text = yaml.safe_dump_all(documents, sort_keys=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
