"""The folder that `interestflow render-serving` writes, and what it refuses to write."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
import trustme
import yaml
from google.protobuf import text_format
from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from interestflow.serving.deployment.compose import compose_file
from interestflow.serving.deployment.config import DeploymentConfig, TLSConfig
from interestflow.serving.deployment.errors import DeploymentError, ModelFolderError
from interestflow.serving.deployment.kubernetes import build_manifests
from interestflow.serving.deployment.tf_serving import server_files
from interestflow.serving.deployment.write import write_deployment
from tests.serving.deployment.start_rules import ssl_config_message

CONFIG = """
name: shop
data: {events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}}
tasks: [{name: click, label: {column: click}}]
sequence: {behaviours: {column: click}}
model: {name: pooled}
"""


@pytest.fixture
def runs(written_versions: Path, tmp_path: Path) -> Path:
    """Return a folder of runs, in which the versions 3 and 4 of `shop` have been pushed."""
    shutil.copytree(written_versions, tmp_path / "runs" / "shop" / "serving" / "shop")
    return tmp_path / "runs"


@pytest.fixture
def tls(tmp_path: Path) -> TLSConfig:
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    return TLSConfig(certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key")


def render(tmp_path: Path, deployment: str, *options: object) -> tuple[int, str, Path]:
    """Call the command; return its exit code, its output, and the folder that it should write."""
    path, output = tmp_path / "shop.yaml", tmp_path / "deployment"
    path.write_text(f"{CONFIG}deployment: {deployment}\nserving: {{max_rows: 7}}\n")
    result = CliRunner().invoke(app, ["render-serving", str(path), "-o", str(output), *map(str, options)])
    assert "Traceback" not in result.output
    return result.exit_code, result.output, output


def files_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_the_command_writes_every_file(tmp_path: Path, runs: Path) -> None:
    code, printed, output = render(tmp_path, "{namespace: ranking, labels: {stable: 3}}", "--runs-folder", runs)
    models = f"{runs}/shop/serving/shop"
    assert printed.splitlines() == [
        f"wrote {output}/kubernetes.yaml",
        f"wrote {output}/compose.yaml",
        f"wrote {output}/config/models.config",
        f"wrote {output}/config/monitoring.config",
        f"checked version 3 in {models}; pods read /models/shop",
    ]
    assert code == 0
    assert files_in(output) == {"kubernetes.yaml", "compose.yaml", "config/models.config", "config/monitoring.config"}
    config = DeploymentConfig(namespace="ranking", labels={"stable": 3})
    assert list(yaml.safe_load_all((output / "kubernetes.yaml").read_text())) == build_manifests("shop", config)
    assert yaml.safe_load((output / "compose.yaml").read_text()) == compose_file("shop", config, models)
    for file, text in server_files("shop", "/models/shop", config).items():
        assert (output / "config" / file).read_text() == text


def test_the_old_name_of_the_command_is_gone(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["deploy", "shop.yaml", "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert "No such command" in result.output


def test_batching_adds_a_file_and_takes_it_away(tmp_path: Path, runs: Path) -> None:
    code, printed, output = render(tmp_path, "{batching: {max_batch_size: 8}}", "--runs-folder", runs)
    assert code == 0, printed
    assert "config/batching_parameters.txt" in files_in(output)
    code, printed, output = render(tmp_path, "{}", "--runs-folder", runs)
    assert "config/batching_parameters.txt" not in files_in(output)
    assert printed.splitlines()[-1] == f"checked versions 3, 4 in {runs}/shop/serving/shop; pods read /models/shop"


@pytest.mark.parametrize(
    ("deployment", "sentence"),
    [
        ("{labels: {canary: 5}}", "`deployment.labels.canary` should be a version that is in {models} (3, 4), "
                                  "received 5"),
        ("{versions: [7]}", "`deployment.versions` should be versions that are in {models} (3, 4), received 7"),
        ("{batching: {max_batch_size: 7}}", "`deployment.batching.max_batch_size` should be at least 8, the rows that "
                                            "clients of {models}/3 send in one request, received 7"),
    ],
    ids=["label", "version", "batch"],
)  # fmt: skip
def test_what_could_not_be_served_is_refused_and_not_written(
    tmp_path: Path, runs: Path, deployment: str, sentence: str
) -> None:
    code, printed, output = render(tmp_path, deployment, "--runs-folder", runs)
    message = sentence.format(models=f"{runs}/shop/serving/shop")
    assert (code, printed) == (1, f"error: {message} (--models names another folder, --unchecked reads none)\n")
    assert not output.exists()


def test_without_a_pushed_model(tmp_path: Path) -> None:
    code, printed, output = render(tmp_path, "{}", "--runs-folder", tmp_path / "none")
    assert code == 1
    assert (
        f"{tmp_path}/none/shop/serving/shop should be a folder with versions of the model, received no such" in printed
    )
    assert not output.exists()


def test_unchecked_renders_and_says_what_was_not_checked(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    code, printed, output = render(tmp_path, "{labels: {stable: 9}}", "--runs-folder", missing, "--unchecked")
    assert code == 0
    assert printed.splitlines()[-1] == (
        f"not checked: whether {missing}/shop/serving/shop has the versions to serve, and whether their weights, "
        "warm-up requests and shapes are ones that TensorFlow Serving can work with"
    )
    assert "compose.yaml" in files_in(output)


def test_another_folder_may_be_checked(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models.parent)
    code, printed, output = render(tmp_path, "{labels: {stable: 4}}", "--models", "shop")
    assert code == 0, printed
    assert printed.splitlines()[-1] == f"checked version 4 in {models}; pods read /models/shop"
    (service,) = yaml.safe_load((output / "compose.yaml").read_text())["services"].values()
    assert service["volumes"][0]["source"] == str(models)


def test_without_a_local_folder_there_is_no_compose_file(tmp_path: Path, models: Path) -> None:
    output = tmp_path / "deployment"
    write_deployment("shop", DeploymentConfig(), str(models), output)
    assert (output / "compose.yaml").exists()
    config = DeploymentConfig(model_path="gs://bucket/models", volume_claim=None)
    rendering = write_deployment("shop", config, "gs://bucket/models/shop/", output, unchecked=True)
    assert files_in(output) == {"kubernetes.yaml", "config/models.config", "config/monitoring.config"}
    assert rendering.notes[-1] == "left out compose.yaml, which mounts a local folder"


def test_versions_in_a_place_that_tensorflow_reads(models: Path, tmp_path: Path) -> None:
    rendering = write_deployment("shop", DeploymentConfig(), f"file://{models}", tmp_path / "deployment")
    assert rendering.notes[0] == f"checked versions 3, 4 in file://{models}; pods read /models/shop"


def test_certificates_become_a_file_that_only_its_owner_reads(models: Path, tmp_path: Path, tls: TLSConfig) -> None:
    output = tmp_path / "deployment"
    rendering = write_deployment("shop", DeploymentConfig(tls=tls), str(models), output)
    path = output / "tls" / "ssl.config"
    assert path in rendering.files
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    read = text_format.Parse(path.read_text(), ssl_config_message())
    assert read.server_cert == tls.certificate.read_text()
    assert read.server_key.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert (read.custom_ca, read.client_verify) == ("", False)
    assert rendering.notes[-1] == (
        f"to do: kubectl create secret generic shop-tls --namespace default --from-file={path}"
    )
    other_files = [file for file in output.rglob("*") if file.is_file() and file != path]
    assert len(other_files) == 4
    for file in other_files:
        assert "PRIVATE KEY" not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_certificates_lie_beside_the_configuration(tmp_path: Path, runs: Path, tls: TLSConfig) -> None:
    deployment = "{tls: {certificate: tls.crt, key: tls.key}, tls_secret: ranking-tls}"
    code, printed, output = render(tmp_path, deployment, "--runs-folder", runs)
    assert code == 0, printed
    assert f"secret generic ranking-tls --namespace default --from-file={output}/tls/ssl.config" in printed


def test_certificates_that_cannot_be_used(tmp_path: Path, runs: Path, tls: TLSConfig) -> None:
    tls.key.write_text("")
    deployment = "{tls: {certificate: tls.crt, key: tls.key}}"
    for options in ((), ("--unchecked",)):
        code, printed, output = render(tmp_path, deployment, "--runs-folder", runs, *options)
        assert (code, printed) == (
            1, f"error: the private key {tls.key} should be a PEM private key, received an empty file\n"
        )  # fmt: skip
        assert not output.exists()


def test_a_secret_alone_leaves_its_file_to_the_reader(models: Path, tmp_path: Path) -> None:
    output, config = tmp_path / "deployment", DeploymentConfig(tls_secret="ranking-tls")
    rendering = write_deployment("shop", config, str(models), output)
    assert rendering.notes[-1] == (
        f"to do: Compose mounts {output}/tls/ssl.config, which is not there; `deployment.tls` would render it"
    )
    (output / "tls").mkdir()
    (output / "tls" / "ssl.config").write_text("server_key: ...")
    rendering = write_deployment("shop", config, str(models), output)
    assert len(rendering.notes) == 1
    assert (output / "tls" / "ssl.config").read_text() == "server_key: ..."


@pytest.mark.parametrize("name", ["shop-", "x" * 56])
def test_a_name_that_kubernetes_does_not_allow(name: str, models: Path, tmp_path: Path) -> None:
    output = tmp_path / "deployment"
    with pytest.raises(DeploymentError, match=r"`name` should have at most 55 characters and end in a letter or digit"):
        write_deployment(name, DeploymentConfig(), str(models), output)
    assert not output.exists()
    write_deployment("x" * 55, DeploymentConfig(), str(models), output)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, runs: Path) -> None:
    (tmp_path / "deployment").write_text("")
    code, printed, output = render(tmp_path, "{}", "--runs-folder", runs)
    assert code == 1
    assert printed.startswith(f"error: {output}/kubernetes.yaml cannot be written: ")


def test_a_file_that_was_not_written_is_as_before(models: Path, tmp_path: Path) -> None:
    output = tmp_path / "deployment"
    write_deployment("shop", DeploymentConfig(), str(models), output)
    before = {file: (output / file).read_text() for file in files_in(output)}
    with pytest.raises(ModelFolderError):
        write_deployment("shop", DeploymentConfig(labels={"stable": 9}), str(models), output)
    assert {file: (output / file).read_text() for file in files_in(output)} == before
