"""The shipped manifests get the names of a configuration, and keep their comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from interestflow.kubeflow.manifest_files import ManifestError, Names, shipped_manifests, write_manifests

CLAIMS = ("interestflow-logs", "interestflow-models")
DEFAULT = Names("kubeflow", None, None, CLAIMS)


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def test_every_file_is_shipped_and_written(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "kubeflow" / "manifests"
    expected = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert shipped_manifests() == expected
    written = write_manifests(tmp_path, DEFAULT, "name: shop\n", "kind: Service\n")
    files = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        **expected, "schedule/pipeline.yaml": "name: shop\n", "serving/kubernetes.yaml": "kind: Service\n"
    }  # fmt: skip
    assert sorted(written) == sorted(tmp_path / file for file in files)


def test_names_of_a_configuration(tmp_path: Path) -> None:
    write_manifests(tmp_path, Names("team", "host:5000/a/b:1.0", "runner", CLAIMS), "", "")
    for folder in ("base", "store", "schedule", "serving"):
        (kustomization,) = documents(tmp_path / folder / "kustomization.yaml")
        assert kustomization["namespace"] == "team"
    account, role, binding = documents(tmp_path / "base" / "service-account.yaml")
    assert account["metadata"]["name"] == "runner"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "runner", "namespace": "team"}]
    assert role["metadata"]["name"] == binding["roleRef"]["name"] == "interestflow"
    (submit,) = documents(tmp_path / "overlays" / "multi-user" / "submit-role.yaml")
    assert submit["subjects"] == [{"kind": "ServiceAccount", "name": "runner", "namespace": "interestflow"}]
    assert "      namespace: team\n" in (tmp_path / "overlays" / "multi-user" / "kustomization.yaml").read_text()
    (job,) = documents(tmp_path / "schedule" / "job.yaml")
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "runner"
    assert "kubeflow.svc.cluster.local" in str(job)  # the API's namespace is another one
    assert "# The driver and the launcher" in (tmp_path / "base" / "service-account.yaml").read_text()


@pytest.mark.parametrize(
    ("image", "fields"),
    [
        ("ghcr.io/me/interestflow:1.0", {"newName": "ghcr.io/me/interestflow", "newTag": "1.0"}),
        ("host:5000/interestflow:2", {"newName": "host:5000/interestflow", "newTag": "2"}),
        ("host:5000/interestflow", {"newName": "host:5000/interestflow", "newTag": "latest"}),
        ("interestflow", {"newName": "interestflow", "newTag": "latest"}),
        ("a/b@sha256:00", {"newName": "a/b", "digest": "sha256:00"}),
        ("a/b:1@sha256:00", {"newName": "a/b", "digest": "sha256:00"}),
        (None, {"newName": "registry.invalid/interestflow", "newTag": "unset"}),
    ],
)
def test_the_image(image: str | None, fields: dict[str, str], tmp_path: Path) -> None:
    write_manifests(tmp_path, Names("kubeflow", image, None, CLAIMS), "", "")
    (kustomization,) = documents(tmp_path / "schedule" / "kustomization.yaml")
    assert kustomization["images"] == [{"name": "interestflow", **fields}]


@pytest.mark.parametrize("claims", [("interestflow-logs",), ("models", "interestflow-logs"), ("a", "b", "a")])
def test_the_claims(claims: tuple[str, ...], tmp_path: Path) -> None:
    write_manifests(tmp_path, Names("kubeflow", None, None, claims), "", "")
    written = documents(tmp_path / "base" / "volume-claims.yaml")
    assert [claim["metadata"]["name"] for claim in written] == list(dict.fromkeys(claims))
    sizes = {claim["metadata"]["name"]: claim["spec"]["resources"]["requests"]["storage"] for claim in written}
    assert sizes == {claim: "50Gi" if claim == "interestflow-logs" else "20Gi" for claim in claims}


def test_without_claims_the_file_is_left_out(tmp_path: Path) -> None:
    write_manifests(tmp_path, DEFAULT, "", "")
    write_manifests(tmp_path, Names("kubeflow", None, None, ()), "", "")
    (kustomization,) = documents(tmp_path / "base" / "kustomization.yaml")
    assert kustomization["resources"] == ["service-account.yaml"]
    assert not (tmp_path / "base" / "volume-claims.yaml").exists()


def test_the_key_is_never_touched(tmp_path: Path) -> None:
    write_manifests(tmp_path, DEFAULT, "", "")
    (tmp_path / "store" / "store.env").write_text("accesskey=mine\n")
    write_manifests(tmp_path, DEFAULT, "", "")
    assert (tmp_path / "store" / "store.env").read_text() == "accesskey=mine\n"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ManifestError) as caught:
        write_manifests(tmp_path / "file", DEFAULT, "", "")
    assert str(caught.value) == f"{tmp_path / 'file' / 'README.md'} cannot be written: File exists"
