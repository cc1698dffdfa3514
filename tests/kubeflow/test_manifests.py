"""kubectl builds the shipped manifests, Kubernetes' schemas accept them, and their parts fit together."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from interestflow.kubeflow.submission.token import POD_TOKEN
from interestflow.pipeline.cli.main import app
from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.kubernetes import build_manifests
from tests.kubeflow.submission.api_server import running
from tests.kubeflow.submission.specifications import specification_text
from tests.paths import PROJECT

MANIFESTS = PROJECT / "kubeflow" / "manifests"
KUBERNETES_VERSION = "1.31"
KEY_FILE = "accesskey=key\nsecretkey=secret\n"
FOLDERS = ("base", "store", "schedule", "serving", "overlays/multi-user")

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which builds them, is not installed"
)


def kustomize(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the folders with the files that only a user has."""
    folder = tmp_path_factory.mktemp("manifests") / "manifests"
    shutil.copytree(MANIFESTS, folder)
    (folder / "store" / "store.env").write_text(KEY_FILE)
    (folder / "schedule" / "pipeline.yaml").write_text("name: shop\n")
    serving = build_manifests("shop", DeploymentConfig(volume_claim="interestflow-models"))
    (folder / "serving" / "kubernetes.yaml").write_text(yaml.safe_dump_all(serving))
    return folder


@pytest.fixture(scope="module")
def built(filled: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the objects of each folder."""
    objects = {}
    for folder in FOLDERS:
        finished = kustomize(filled / folder)
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr == ""  # such as a warning about a deprecated field
        objects[folder] = list(yaml.safe_load_all(finished.stdout))
    return objects


def one(objects: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    (found,) = [item for item in objects if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    return found


def test_every_kustomization_is_tested() -> None:
    assert {str(path.parent.relative_to(MANIFESTS)) for path in MANIFESTS.rglob("kustomization.yaml")} == set(FOLDERS)


@needs_kubectl
def test_kubernetes_accepts_every_object(built: dict[str, list[dict[str, Any]]]) -> None:
    kinds = set()
    for objects in built.values():
        for item in objects:
            kinds.add(item["kind"])
            kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)  # raises, for an unknown kind too
    assert kinds == {
        "Namespace", "ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim", "Secret", "ConfigMap", "Job",
        "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    }  # fmt: skip


@needs_kubectl
def test_each_object_has_its_namespace(built: dict[str, list[dict[str, Any]]]) -> None:
    for folder, objects in built.items():
        namespaces = {item["metadata"].get("namespace") for item in objects if item["kind"] != "Namespace"}
        assert namespaces == {"interestflow" if folder.startswith("overlays") else "kubeflow"}
    for folder in ("base", "overlays/multi-user"):
        subjects = one(built[folder], "RoleBinding", "interestflow")["subjects"]
        namespace = one(built[folder], "ServiceAccount")["metadata"]["namespace"]
        assert subjects == [{"kind": "ServiceAccount", "name": "interestflow", "namespace": namespace}]


@needs_kubectl
def test_the_rights_are_those_of_a_step_and_no_others(built: dict[str, list[dict[str, Any]]]) -> None:
    assert one(built["base"], "Role")["rules"] == [
        {
            "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"],
            "resourceNames": ["interestflow-store", "mlpipeline-minio-artifact"],
        },
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["kfp-launcher"], "verbs": ["get"]},
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
    ]  # fmt: skip


@needs_kubectl
@pytest.mark.parametrize(
    ("folder", "file"),
    [("store", "store.env"), ("schedule", "pipeline.yaml"), ("serving", "kubernetes.yaml")],
)
def test_a_folder_without_the_file_of_the_user_does_not_build(folder: str, file: str, tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS / folder, tmp_path / folder)
    assert not (tmp_path / folder / file).exists()
    finished = kustomize(tmp_path / folder)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert f"{file}: no such file or directory" in finished.stderr


@needs_kubectl
def test_the_template_of_the_secret_has_no_values(built: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    secret = one(built["store"], "Secret")
    assert secret["metadata"]["name"] == "interestflow-store"
    assert secret["data"] == {"accesskey": "a2V5", "secretkey": "c2VjcmV0"}
    shutil.copytree(MANIFESTS / "store", tmp_path / "store")
    (tmp_path / "store" / "store.env.example").rename(tmp_path / "store" / "store.env")
    unfilled = one(list(yaml.safe_load_all(kustomize(tmp_path / "store").stdout)), "Secret")
    assert unfilled["data"] == {}


def pods(objects: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for item in (item for folder in objects.values() for item in folder):
        if item["kind"] in ("Job", "Deployment"):
            yield item["spec"]["template"]["spec"]


@needs_kubectl
def test_pods_have_no_rights_that_they_do_not_need(built: dict[str, list[dict[str, Any]]]) -> None:
    specifications = list(pods(built))
    assert len(specifications) == 2
    for pod in specifications:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
            }  # fmt: skip
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@needs_kubectl
def test_the_job_reads_the_configuration_and_the_token(built: dict[str, list[dict[str, Any]]]) -> None:
    job, config_map = one(built["schedule"], "Job"), one(built["schedule"], "ConfigMap")
    pod = job["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    (container,) = pod["containers"]
    mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    # The name ends in a digest of the content, so that a changed configuration is another ConfigMap.
    assert mounted["/etc/interestflow"]["configMap"] == {"name": config_map["metadata"]["name"]}
    assert config_map["data"] == {"pipeline.yaml": "name: shop\n"}
    (source,) = mounted[str(POD_TOKEN.parent)]["projected"]["sources"]
    assert source["serviceAccountToken"]["path"] == POD_TOKEN.name
    assert pod["serviceAccountName"] == one(built["base"], "ServiceAccount")["metadata"]["name"]
    assert container["image"] == "registry.invalid/interestflow:unset"


@needs_kubectl
def test_the_command_of_the_job_creates_the_recurring_run(
    built: dict[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KFP_TOKEN", raising=False)
    (tmp_path / "pipeline.yaml").write_text(specification_text())
    (container,) = one(built["schedule"], "Job")["spec"]["template"]["spec"]["containers"]
    with running() as server:
        places = {
            "/etc/interestflow": str(tmp_path), "http://ml-pipeline.kubeflow.svc.cluster.local:8888": server.endpoint
        }  # fmt: skip
        arguments = container["args"]
        for name, place in places.items():
            arguments = [argument.replace(name, place) for argument in arguments]
        submitted = CliRunner().invoke(app, arguments)
        assert submitted.exit_code == 0, submitted.output
        (recurring,) = server.state.recurring_runs.values()
    assert recurring["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert recurring["runtime_config"]["parameters"] == {"scheduled_time": "[[ScheduledTime]]"}
    assert (recurring["no_catchup"], recurring["status"]) == (True, "ENABLED")


@needs_kubectl
def test_what_the_launcher_is_told_is_the_secret_that_it_may_read(built: dict[str, list[dict[str, Any]]]) -> None:
    objects = built["overlays/multi-user"]
    providers = yaml.safe_load(one(objects, "ConfigMap", "kfp-launcher")["data"]["providers"])
    reference = providers["s3"]["default"]["credentials"]["secretRef"]
    assert reference["secretName"] in one(objects, "Role")["rules"][0]["resourceNames"]
    assert set(one(built["store"], "Secret")["data"]) == {reference["accessKeyKey"], reference["secretKeyKey"]}


@needs_kubectl
def test_serving_reads_the_claim_of_pushed_models(built: dict[str, list[dict[str, Any]]]) -> None:
    claims = {item["metadata"]["name"] for item in built["base"] if item["kind"] == "PersistentVolumeClaim"}
    assert claims == {"interestflow-logs", "interestflow-models"}
    volumes = one(built["serving"], "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"claimName": "interestflow-models", "readOnly": True} in [
        volume.get("persistentVolumeClaim") for volume in volumes
    ]


@needs_kubectl
def test_the_configurations_for_kubeflow_name_these_claims(built: dict[str, list[dict[str, Any]]]) -> None:
    claims = {item["metadata"]["name"] for item in built["base"] if item["kind"] == "PersistentVolumeClaim"}
    for name in ("demo-kubeflow", "matcher-kubeflow"):
        settings = yaml.safe_load((PROJECT / "configs" / f"{name}.yaml").read_text())["kubeflow"]
        assert {volume["claim"] for volume in settings["volumes"]} <= claims
