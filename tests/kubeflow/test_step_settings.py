"""Settings of a step: its own, else those of all steps; and the digest of what the cache key leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.kubeflow.config import KubeflowConfig
from interestflow.kubeflow.step_settings import StepSettings, gpus_of, step_settings

ROOT = "s3://toys/root"
BASE = {
    "image": "toy:cpu",
    "gpu_image": "toy:gpu",
    "environment": {"AWS_REGION": "eu-1"},
    "volumes": [{"claim": "logs", "mount_path": "/data"}],
    "secrets": [{"name": "store", "env": {"AWS_SECRET_ACCESS_KEY": "key"}}],
}


def settings(step: str = "Transform", is_training: bool = False, **changes: Any) -> StepSettings:
    return step_settings(KubeflowConfig.model_validate(BASE | changes), step, is_training)


def digest(root: str = ROOT, **changes: Any) -> str:
    return settings(**changes).environment_digest(root)


def test_a_step_without_settings_has_those_of_all() -> None:
    plain = settings(steps={"Trainer": {"cpu": "8"}}, resources={"cpu_limit": "2"})
    assert (plain.image, plain.cpu, plain.cpu_limit, plain.memory, plain.disk) == ("toy:cpu", "1", "2", "4Gi", "10Gi")
    assert (plain.gpus, plain.retries, plain.node_selector, plain.tolerations) == (0, 2, {}, ())


def test_a_step_with_settings_has_the_others_of_all() -> None:
    override = {"cpu": "8", "retries": 0, "node_selector": {"pool": "big"}}
    own = settings(steps={"Transform": override})
    assert (own.cpu, own.memory, own.retries, own.node_selector) == ("8", "4Gi", 0, {"pool": "big"})


@pytest.mark.parametrize(("steps", "retries"), [({}, 0), ({"Transform": {"retries": 1}}, 1)], ids=str)
def test_a_verdict_is_not_repeated_unless_asked_for(steps: dict[str, Any], retries: int) -> None:
    config = KubeflowConfig.model_validate(BASE | {"retries": 3, "steps": steps})
    assert step_settings(config, "Transform", is_verdict=True).retries == retries


def test_training_has_the_gpus_unless_a_step_says_otherwise() -> None:
    config = KubeflowConfig.model_validate(
        {"trainer_gpus": 2, "steps": {"BaselineTrainer": {"gpus": 0}, "Evaluator": {"gpus": 1}}}
    )
    assert [gpus_of(config, step, True) for step in ("Trainer", "BaselineTrainer")] == [2, 0]
    assert [gpus_of(config, step, False) for step in ("Transform", "Evaluator")] == [0, 1]


def test_a_step_with_gpus_has_their_image_and_no_disk() -> None:
    trainer = settings("Trainer", True, trainer_gpus=1, gpu_type="amd.com/gpu")
    assert (trainer.image, trainer.gpus, trainer.gpu_type, trainer.disk) == ("toy:gpu", 1, "amd.com/gpu", None)


@pytest.mark.parametrize(("gpus", "key"), [(0, "image"), (1, "gpu_image")])
def test_a_missing_image(gpus: int, key: str) -> None:
    with pytest.raises(ValueError, match=f"^`kubeflow.{key}` is missing, the image of the step Trainer$"):
        step_settings(KubeflowConfig(trainer_gpus=gpus), "Trainer", True)


def test_volumes_and_secrets_are_for_the_named_steps() -> None:
    config = {
        "volumes": [{"claim": "logs", "mount_path": "/data", "steps": ["LogExampleGen"]}],
        "secrets": [{"name": "store", "env": {"A": "a"}}, {"name": "key", "mount_path": "/key", "steps": ["Pusher"]}],
    }
    assert settings("Transform", **config).volumes == ()
    assert [volume.claim for volume in settings("LogExampleGen", **config).volumes] == ["logs"]
    assert [secret.name for secret in settings("Transform", **config).secrets] == ["store"]
    assert [secret.name for secret in settings("Pusher", **config).secrets] == ["store", "key"]


def test_the_configured_environment_comes_before_our_own() -> None:
    assert settings(environment={"TF_CPP_MIN_LOG_LEVEL": 0}).environment == {
        "TF_USE_LEGACY_KERAS": "1", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"root": "s3://toys/other"},
        {"environment": {"AWS_REGION": "eu-2"}},
        {"environment": {}},
        {"volumes": [{"claim": "logs", "mount_path": "/logs"}]},
        {"volumes": [{"claim": "other", "mount_path": "/data"}]},
        {"secrets": [{"name": "other", "env": {"AWS_SECRET_ACCESS_KEY": "key"}}]},
    ],
    ids=str,
)
def test_what_makes_earlier_results_unusable(changes: dict[str, Any]) -> None:
    assert digest(**changes) != digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"resources": {"memory": "64Gi", "cpu": "8", "disk": "1Ti"}},
        {"retries": 5},
        {"image_pull_policy": "Always"},
        {"steps": {"Transform": {"node_selector": {"pool": "big"}, "gpus": 1}}},
        {"volumes": [*BASE["volumes"], {"claim": "models", "mount_path": "/models", "steps": ["Pusher"]}]},
    ],
    ids=str,
)
def test_what_leaves_earlier_results_usable(changes: dict[str, Any]) -> None:
    assert digest(**changes) == digest()
