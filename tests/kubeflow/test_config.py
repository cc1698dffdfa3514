"""The configuration section `kubeflow`: what is accepted, and the sentence that refuses anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.kubeflow.config import KubeflowConfig
from interestflow.pipeline.config import load
from tests.pipeline.small_config import BASE, mistakes_in, write


def loaded(folder: Path, section: str) -> KubeflowConfig:
    return load(write(folder, f"{BASE}kubeflow:\n{section}")).kubeflow


def refusals(folder: Path, section: str) -> list[str]:
    """Return the sentences that refuse a section, whose first line is line 31 of the file."""
    return mistakes_in(folder, f"{BASE}kubeflow:\n{section}")


def test_a_first_user_gives_image_and_root_alone() -> None:
    config = KubeflowConfig()
    assert (config.image, config.gpu_image, config.pipeline_root, config.endpoint) == (None, None, None, None)
    assert (config.resources.cpu, config.resources.cpu_limit) == ("1", None)
    assert (config.resources.memory, config.resources.disk, config.retries) == ("4Gi", "10Gi", 2)
    assert (config.trainer_gpus, config.gpu_type, config.shared_memory) == (0, "nvidia.com/gpu", "1Gi")
    assert (config.namespace, config.service_account, config.on_refusal) == ("kubeflow", None, "skip_push")


def test_settings_of_steps(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
  resources: {cpu: 2, memory: 8Gi}
  steps:
    Trainer:
      gpus: 2
      node_selector: {cloud.example/pool: "4"}
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
""",
    )
    trainer = config.steps["Trainer"]
    assert (config.resources.cpu, trainer.gpus, trainer.cpu) == ("2", 2, None)
    assert trainer.node_selector == {"cloud.example/pool": "4"}
    assert [(t.key, t.operator, t.value, t.effect) for t in trainer.tolerations] == [
        ("nvidia.com/gpu", "Exists", None, None)
    ]


def test_numbers_in_the_environment_are_texts(tmp_path: Path) -> None:
    assert loaded(tmp_path, "  environment: {OMP_NUM_THREADS: 4}\n").environment == {"OMP_NUM_THREADS": "4"}


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "DB_PASSWORD", "MINIO_ROOT_PASSWORD",
             "GOOGLE_APPLICATION_CREDENTIALS_JSON", "WANDB_API_KEY", "api_key"],
)  # fmt: skip
def test_credentials_in_the_environment(name: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, f"  environment:\n    {name}: hunter2\n") == [
        f"`kubeflow.environment.{name}` should be in `kubeflow.secrets`, since everyone who can see the pipeline "
        "reads `kubeflow.environment` (small.yaml, line 32)"
    ]


@pytest.mark.parametrize(
    "name", ["GOOGLE_APPLICATION_CREDENTIALS", "AWS_WEB_IDENTITY_TOKEN_FILE", "TOKENIZERS_PARALLELISM", "AWS_REGION"]
)
def test_variables_that_hold_no_credential(name: str) -> None:
    assert KubeflowConfig(environment={name: "x"}).environment == {name: "x"}


REFUSED = {
    "memory in bytes": (
        "  resources: {memory: 8}\n",
        "`kubeflow.resources.memory` should be a size with its unit, such as 4Gi, received '8' (small.yaml, line 31)",
    ),
    "no memory": (
        "  steps: {Trainer: {memory: 0Gi}}\n",
        "`kubeflow.steps.Trainer.memory` should be a size with its unit, such as 4Gi, received '0Gi' "
        "(small.yaml, line 31)",
    ),
    "disk and GPUs": (
        "  steps: {Trainer: {gpus: 1, disk: 50Gi}}\n",
        "`kubeflow.steps.Trainer.disk` should be left out where there are `gpus`, since Kubeflow Pipelines has one "
        "field for both, received '50Gi' (small.yaml, line 31)",
    ),
    "name of a variable": (
        "  environment: {my-variable: 1}\n",
        "`kubeflow.environment.my-variable` should be the name of a variable, such as AWS_REGION, received "
        "'my-variable' (small.yaml, line 31)",
    ),
    "name of a claim": (
        "  volumes: [{claim: my_logs, mount_path: /data}]\n",
        "`kubeflow.volumes.0.claim` should be lower-case letters, digits and -, such as my-models, received 'my_logs' "
        "(small.yaml, line 31)",
    ),
    "a folder of the launcher": (
        "  volumes: [{claim: logs, mount_path: /s3/logs}]\n",
        "`kubeflow.volumes.0.mount_path` should be a folder such as /data, since Kubeflow Pipelines uses /s3, received "
        "'/s3/logs' (small.yaml, line 31)",
    ),
    "a claim twice": (
        "  volumes: [{claim: a, mount_path: /a}, {claim: a, mount_path: /b}]\n",
        "`kubeflow.volumes` should name each `claim` once, received 'a' twice (small.yaml, line 31)",
    ),
    "a folder twice": (
        "  volumes: [{claim: a, mount_path: /a}]\n  secrets: [{name: b, mount_path: /a}]\n",
        "`kubeflow.volumes` should name each `mount_path` once, received '/a' twice (small.yaml, line 31)",
    ),
    "a secret for nothing": (
        "  secrets: [{name: keys}]\n",
        "`kubeflow.secrets.0.env` should name the variables to set, unless there is a `mount_path`, received neither "
        "(small.yaml, line 31)",
    ),
    "a variable twice": (
        "  environment: {A: b}\n  secrets: [{name: keys, env: {A: a}}]\n",
        "`kubeflow.secrets` should set variables that nothing else sets, received A twice (small.yaml, line 32)",
    ),
    "a variable twice in a step": (
        "  secrets: [{name: a, env: {A: a}, steps: [X, Y]}, {name: b, env: {A: a}, steps: [Y]}]\n",
        "`kubeflow.secrets` should set variables that nothing else sets, received A twice (small.yaml, line 31)",
    ),
    "no step at all": (
        "  volumes: [{claim: a, mount_path: /a, steps: []}]\n",
        "`kubeflow.volumes.0.steps` should be at least 1 long, received [] (small.yaml, line 31)",
    ),
    "name of a secret": (
        "  secrets: [{name: My Keys, env: {A: a}}]\n",
        "`kubeflow.secrets.0.name` should be lower-case letters, digits and -, such as my-models, received 'My Keys' "
        "(small.yaml, line 31)",
    ),
    "a toleration of everything": (
        "  steps: {Trainer: {tolerations: [{effect: NoSchedule}]}}\n",
        "`kubeflow.steps.Trainer.tolerations.0.operator` should be Exists where there is no `key`, received 'Equal' "
        "(small.yaml, line 31)",
    ),
    "a toleration of a value with Exists": (
        "  steps: {Trainer: {tolerations: [{key: a, operator: Exists, value: b}]}}\n",
        "`kubeflow.steps.Trainer.tolerations.0.value` should be left out where `operator` is Exists, received 'b' "
        "(small.yaml, line 31)",
    ),
    "GPUs below none": (
        "  trainer_gpus: -1\n",
        "`kubeflow.trainer_gpus` should be at least 0, received -1 (small.yaml, line 31)",
    ),
    "an unknown consequence": (
        "  on_refusal: ignore\n",
        "`kubeflow.on_refusal` should be one of skip_push or fail, received 'ignore' (small.yaml, line 31)",
    ),
}


@pytest.mark.parametrize(("section", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(section: str, expected: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, section) == [expected]


def test_steps_of_their_own_may_have_the_same_variables_and_folders(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
  secrets:
    - {name: readers, env: {AWS_ACCESS_KEY_ID: id}, steps: [InputFinder]}
    - {name: writers, env: {AWS_ACCESS_KEY_ID: id}, steps: [Pusher]}
  volumes:
    - {claim: fast, mount_path: /scratch, steps: [Transform]}
    - {claim: slow, mount_path: /scratch, steps: [Trainer]}
    - {claim: fast, mount_path: /other, steps: [Pusher]}
""",
    )
    assert [secret.name for secret in config.secrets] == ["readers", "writers"]
    assert [volume.mount_path for volume in config.volumes] == ["/scratch", "/scratch", "/other"]
